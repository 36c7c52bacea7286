/* A Flow (sipcore/flow.py) as other files of the binding see it: the native UDP flow without a call, any other by its attributes. */
#ifndef SIP_FLOW_H
#define SIP_FLOW_H

#include "sip_buffer.h"
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

/* FlowTable.flow_of of any `flows`: a new reference to the flow or None. */
PyObject *sip_flow_of(PyObject *flows, PyObject *listener, PyObject *remote, PyObject *connection_id);

/* FlowTable.reply_flow of any `flows`: a new reference. `request` is a Message. */
PyObject *sip_reply_flow(PyObject *flows, PyObject *request, PyObject *flow);

/* --- sip_flow_token.c --- */

/* What names a flow to FlowTable.flow_of. */
struct sip_flow_name {
    uint32_t listener; /* index */
    struct sip_slice host;
    uint32_t port;
    uint64_t connection_id; /* 0 for datagrams */
};
PyObject *sip_flow_named(PyObject *flows, const struct sip_flow_name *name);

#define SIP_FLOW_HOST_MAX 64 /* bytes of a numeric address */

/* Adds the token of the flow; -1 with an exception. */
int sip_flow_add_token(struct sip_buffer *out, PyObject *flow);
/* The flow that a token of ours names, or None when it is gone; ValueError for what is no token. */
PyObject *sip_flow_of_token(PyObject *flows, PyObject *token);

/* native.sip.flow_name, native.sip.flow_of_token */
PyObject *sip_flow_name_py(PyObject *unused, PyObject *args);
PyObject *sip_flow_of_token_py(PyObject *unused, PyObject *const *args, Py_ssize_t count);

#endif
