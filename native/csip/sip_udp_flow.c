/* native.sip.UdpFlow */
#include "sip_flow.h"
#include "sip_udp_endpoint.h"
#include "structmember.h"

/* Steals `local_host`. */
static UdpFlowObject *make(UdpEndpointObject *endpoint, PyObject *remote, PyObject *local_host, const struct sip_near *near) {
    UdpFlowObject *flow = local_host ? (UdpFlowObject *)endpoint->flow_type->tp_alloc(endpoint->flow_type, 0) : NULL;
    if (!flow) {
        Py_XDECREF(local_host);
        return NULL;
    }
    flow->endpoint = (UdpEndpointObject *)Py_NewRef(endpoint);
    flow->listener = Py_NewRef(endpoint->listener);
    flow->remote = Py_NewRef(remote);
    flow->local_host = local_host;
    flow->near = *near;
    flow->is_bound = near->family && PyUnicode_Compare(local_host, endpoint->host) != 0;
    return flow;
}

static UdpFlowObject *kept(UdpEndpointObject *self, UdpFlowObject *flow) {
    if (flow && sip_udp_flows_keep(&self->flows, flow) < 0) Py_CLEAR(flow);
    return flow;
}

UdpFlowObject *sip_udp_flow_from(UdpEndpointObject *self, const struct sip_datagram *datagram) {
    UdpFlowObject *flow = sip_udp_flows_find(&self->flows, datagram->source);
    const struct sip_near *near = &datagram->near;
    if (flow && (!near->family || sip_udp_same_near(&flow->near, near))) return (UdpFlowObject *)Py_NewRef(flow);
    PyObject *remote = sip_udp_cached_tuple(self->socket, datagram->source);
    if (!remote) return NULL;
    flow = make(self, remote, near->family ? sip_udp_near_host(self->socket, near) : Py_NewRef(self->host), near);
    if (flow) flow->to = *datagram->source;
    Py_DECREF(remote);
    return kept(self, flow);
}

/* Whether the attempt to read an address came to nothing; an exception that says why is dropped. */
static bool is_no_address(int result) {
    if (result < 0 && PyErr_ExceptionMatches(PyExc_ValueError)) PyErr_Clear();
    return result < 0;
}

static int same_text(PyObject *a, PyObject *b) { return a == b ? 1 : PyObject_RichCompareBool(a, b, Py_EQ); }

UdpFlowObject *sip_udp_flow_to(UdpEndpointObject *self, PyObject *remote, PyObject *local_host) {
    union sip_sockaddr to;
    struct sip_near near;
    bool nowhere = is_no_address(sip_udp_destination(self->socket, remote, &to));
    if (PyErr_Occurred()) return NULL;
    UdpFlowObject *flow = nowhere ? NULL : sip_udp_flows_find(&self->flows, &to);
    int known = flow ? same_text(flow->remote, remote) : 1; /* else the address is known by another text, which it keeps */
    int same = flow && known > 0 && local_host ? same_text(flow->local_host, local_host) : known;
    if (same < 0) return NULL;
    if (flow && same) return (UdpFlowObject *)Py_NewRef(flow);
    if (!local_host) local_host = self->host;
    if (is_no_address(sip_udp_parse_host(local_host, self->socket->family, &near))) near.family = 0;
    if (PyErr_Occurred()) return NULL;
    flow = make(self, remote, Py_NewRef(local_host), &near);
    if (!flow || nowhere) return flow;
    flow->to = to;
    return known ? kept(self, flow) : flow;
}

int sip_udp_flow_send(UdpFlowObject *flow, PyObject *data) {
    UdpEndpointObject *endpoint = flow->endpoint;
    if (!PyBytes_Check(data)) {
        PyErr_Format(PyExc_TypeError, "data is bytes");
        return -1;
    }
    if (!endpoint->outbox.count && sip_batches_flush_later(endpoint->batches, (PyObject *)endpoint) < 0) return -1;
    return sip_udp_outbox_put(&endpoint->outbox, flow, data);
}

/* --- the type --- */

static PyObject *flow_send(UdpFlowObject *self, PyObject *data) {
    return sip_py_none(sip_udp_flow_send(self, data));
}

static void flow_dealloc(UdpFlowObject *self) {
    Py_XDECREF(self->endpoint);
    Py_XDECREF(self->listener);
    Py_XDECREF(self->remote);
    Py_XDECREF(self->local_host);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *flow_no(UdpFlowObject *self, void *unused) {
    (void)self;
    (void)unused;
    Py_RETURN_FALSE;
}

static PyObject *flow_connection_id(UdpFlowObject *self, void *unused) {
    (void)self;
    (void)unused;
    return PyLong_FromLong(0);
}

static PyObject *flow_name(UdpFlowObject *self, void *unused) {
    (void)self;
    (void)unused;
    return PyUnicode_FromStringAndSize(NULL, 0);
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)flow_send, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"listener", T_OBJECT_EX, offsetof(UdpFlowObject, listener), READONLY, NULL},
    {"remote", T_OBJECT_EX, offsetof(UdpFlowObject, remote), READONLY, NULL},
    {"local_host", T_OBJECT_EX, offsetof(UdpFlowObject, local_host), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"reliable", (getter)flow_no, NULL, NULL, NULL},
    {"closed", (getter)flow_no, NULL, NULL, NULL},
    {"connection_id", (getter)flow_connection_id, NULL, NULL, NULL},
    {"name", (getter)flow_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_udp_flow_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.UdpFlow",
    .tp_basicsize = sizeof(UdpFlowObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)flow_dealloc,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = getset,
};
