/* Where a request came from, by the Flow it came over. */
#ifndef SIP_SOURCE_H
#define SIP_SOURCE_H

#include "sip_message_type.h"
#include "sip_refresh.h"

struct sip_flow_source {
    struct sip_source read;
    PyObject *remote; /* which the host is a slice of */
    struct sip_py_view host;
};

/* -1 with an exception; release it after 0. */
int sip_source_read(PyObject *flow, struct sip_flow_source *source);
void sip_source_release(struct sip_flow_source *source);

/* sip_is_unverifiable of what came over that flow: 1 or 0, -1 with an exception. */
int sip_source_is_unverifiable(const MessageObject *request, PyObject *flow);
PyObject *sip_is_unverifiable_py(PyObject *unused, PyObject *const *args, Py_ssize_t count);

#endif
