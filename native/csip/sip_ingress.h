/* What every message passes before the transaction layer (sipcore/transport/ingress.py). */
#ifndef SIP_INGRESS_H
#define SIP_INGRESS_H

#include "sip_py.h"

/* receive(data, flow): a call, but for the native method itself. -1 with an exception. */
int sip_receive(PyObject *receive, PyObject *data, PyObject *flow);

extern PyTypeObject sip_ingress_type;

#endif
