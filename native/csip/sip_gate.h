/* Who may come in at all (sipmesh/signalling/gate.py). */
#ifndef SIP_GATE_H
#define SIP_GATE_H

#include "sip_py.h"

/* gate(request, flow): 1 or 0, -1 with an exception. The native gate without a call. */
int sip_gate_passes(PyObject *gate, PyObject *request, PyObject *flow);

extern PyTypeObject sip_gate_type;

#endif
