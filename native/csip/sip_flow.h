/* A Flow (sipcore/flow.py) as other files of the binding see it: the native UDP flow without a call, any other by its attributes. */
#ifndef SIP_FLOW_H
#define SIP_FLOW_H

#include "sip_py.h"

/* Queues bytes; -1 with an exception. */
int sip_flow_send(PyObject *flow, PyObject *data);

/* 1 or 0; -1 with an exception. */
int sip_flow_is_reliable(PyObject *flow);
int sip_flow_is_closed(PyObject *flow);

/* Its attributes; new references. */
PyObject *sip_flow_listener(PyObject *flow);
PyObject *sip_flow_remote(PyObject *flow);
PyObject *sip_flow_remote_host(PyObject *flow);

/* --- sip_flow_table.c --- */

extern PyTypeObject sip_flow_table_type;

/* FlowTable.is_local of any `flows`: 1 or 0; -1 with an exception. */
int sip_is_local(PyObject *flows, PyObject *host, PyObject *port, PyObject *transport);

/* FlowTable.flow_to of any `flows`: a new reference. */
PyObject *sip_flow_to(PyObject *flows, PyObject *destination, PyObject *near);

/* FlowTable.reply_flow of any `flows`: a new reference. `request` is a Message. */
PyObject *sip_reply_flow(PyObject *flows, PyObject *request, PyObject *flow);

#endif
