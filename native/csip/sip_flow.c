/* Flows of every kind. */
#include "sip_flow.h"

#include "sip_stream.h"
#include "sip_udp_endpoint.h"

int sip_flow_send(PyObject *flow, PyObject *data) {
    static struct sip_py_word send = {"send", NULL};
    if (Py_IS_TYPE(flow, &sip_udp_flow_type)) return sip_udp_flow_send((UdpFlowObject *)flow, data);
    return sip_py_do(flow, &send, data, NULL);
}

int sip_flow_is_reliable(PyObject *flow) {
    static struct sip_py_word reliable = {"reliable", NULL};
    if (Py_IS_TYPE(flow, &sip_udp_flow_type)) return 0;
    return sip_py_is_a(flow, &sip_stream_type) ? 1 : sip_py_is(flow, &reliable);
}

int sip_flow_is_closed(PyObject *flow) {
    static struct sip_py_word closed = {"closed", NULL};
    if (Py_IS_TYPE(flow, &sip_udp_flow_type)) return 0;
    return sip_py_is_a(flow, &sip_stream_type) ? ((StreamObject *)flow)->closed : sip_py_is(flow, &closed);
}

PyObject *sip_flow_listener(PyObject *flow) {
    static struct sip_py_word listener = {"listener", NULL};
    return Py_IS_TYPE(flow, &sip_udp_flow_type) ? Py_NewRef(((UdpFlowObject *)flow)->listener) : sip_py_get(flow, &listener);
}

PyObject *sip_flow_remote(PyObject *flow) {
    static struct sip_py_word remote = {"remote", NULL};
    return Py_IS_TYPE(flow, &sip_udp_flow_type) ? Py_NewRef(((UdpFlowObject *)flow)->remote) : sip_py_get(flow, &remote);
}

PyObject *sip_flow_remote_host(PyObject *flow) {
    PyObject *remote = sip_flow_remote(flow), *host = remote ? PySequence_GetItem(remote, 0) : NULL;
    Py_XDECREF(remote);
    return host;
}
