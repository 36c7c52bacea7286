/* RegisteringBase (sip_registering.c), for who brings it requests. */
#ifndef SIP_REGISTERING_H
#define SIP_REGISTERING_H

#include "sip_proxy.h"

/* `registering` is one of sip_registering_type. 0, or -1 with an exception. */
int sip_registering_serve(PyObject *registering, InboundObject *request);

#endif
