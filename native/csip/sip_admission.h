/* What becomes of a request while more comes in than can be taken at once (sipcore/admission.py). */
#ifndef SIP_ADMISSION_H
#define SIP_ADMISSION_H

#include "sip_message_type.h"

/* 1 when it waits for its turn or is done with, 0 when it is to be handled, -1 with an exception. */
int sip_admission_takes(PyObject *admission, MessageObject *request, PyObject *flow);

#endif
