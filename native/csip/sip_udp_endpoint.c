/* native.sip.UdpPort, the base of UdpEndpoint (sipcore/transport/udp.py). */
#include "sip_udp_endpoint.h"

#include "structmember.h"

static int endpoint_init(UdpEndpointObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"socket", "listener", "batches", "flow_type", NULL};
    static struct sip_py_word host = {"host", NULL};
    PyObject *socket, *listener, *batches, *flow_type = (PyObject *)&sip_udp_flow_type;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO!|O!:UdpPort", keywords, &sip_udp_type, &socket, &listener,
            &sip_batches_type, &batches, &PyType_Type, &flow_type))
        return -1;
    if (!PyType_IsSubtype((PyTypeObject *)flow_type, &sip_udp_flow_type) || self->socket) {
        PyErr_SetString(PyExc_TypeError, "flow_type is a type of UdpFlow, and a port has one socket");
        return -1;
    }
    PyObject *name = sip_py_get(listener, &host);
    if (!name || !PyUnicode_Check(name)) {
        Py_XDECREF(name);
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the host of a listener is a str");
        return -1;
    }
    self->host = name;
    self->socket = (UdpObject *)Py_NewRef(socket);
    self->listener = Py_NewRef(listener);
    self->batches = (BatchesObject *)Py_NewRef(batches);
    self->flow_type = (PyTypeObject *)Py_NewRef(flow_type);
    return 0;
}

/* What was set by endpoint_init. */
static bool is_made(UdpEndpointObject *self) {
    if (!self->socket) PyErr_SetString(PyExc_ValueError, "a port without a socket");
    return self->socket != NULL;
}

static PyObject *endpoint_ready(UdpEndpointObject *self, PyObject *unused) {
    (void)unused;
    return is_made(self) ? sip_py_none(sip_udp_endpoint_serve(self)) : NULL;
}

static PyObject *endpoint_flush(UdpEndpointObject *self, PyObject *unused) {
    (void)unused;
    return is_made(self) ? sip_py_none(sip_udp_endpoint_flush(self)) : NULL;
}

static PyObject *endpoint_discard(UdpEndpointObject *self, PyObject *unused) {
    (void)unused;
    sip_udp_outbox_clear(&self->outbox);
    Py_RETURN_NONE;
}

/* Also cuts the cycle of a port and its flows, which the garbage collector does not walk. */
static PyObject *endpoint_drop_flows(UdpEndpointObject *self, PyObject *unused) {
    (void)unused;
    sip_udp_flows_clear(&self->flows);
    Py_RETURN_NONE;
}

static PyObject *endpoint_flow(UdpEndpointObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count < 1 || count > 2 || (count == 2 && args[1] != Py_None && !PyUnicode_Check(args[1])))
        return PyErr_Format(PyExc_TypeError, "flow(remote, local_host=None)");
    if (!is_made(self)) return NULL;
    return (PyObject *)sip_udp_flow_to(self, args[0], count == 2 && args[1] != Py_None ? args[1] : NULL);
}

static int endpoint_traverse(UdpEndpointObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->socket);
    Py_VISIT(self->listener);
    Py_VISIT(self->batches);
    Py_VISIT(self->flow_type);
    return 0;
}

static int endpoint_clear(UdpEndpointObject *self) {
    sip_udp_outbox_clear(&self->outbox);
    sip_udp_flows_clear(&self->flows);
    return 0;
}

static void endpoint_dealloc(UdpEndpointObject *self) {
    PyObject_GC_UnTrack(self);
    endpoint_clear(self);
    Py_XDECREF(self->socket);
    Py_XDECREF(self->listener);
    Py_XDECREF(self->host);
    Py_XDECREF(self->batches);
    Py_XDECREF(self->flow_type);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *endpoint_flow_count(UdpEndpointObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(self->flows.count);
}

static PyMethodDef methods[] = {
    {"ready", (PyCFunction)endpoint_ready, METH_NOARGS, NULL},
    {"flush", (PyCFunction)endpoint_flush, METH_NOARGS, NULL},
    {"discard", (PyCFunction)endpoint_discard, METH_NOARGS, NULL},
    {"drop_flows", (PyCFunction)endpoint_drop_flows, METH_NOARGS, NULL},
    {"flow", FUNCTION(endpoint_flow), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"socket", T_OBJECT, offsetof(UdpEndpointObject, socket), READONLY, NULL},
    {"listener", T_OBJECT, offsetof(UdpEndpointObject, listener), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"flow_count", (getter)endpoint_flow_count, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_udp_endpoint_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.UdpPort",
    .tp_basicsize = sizeof(UdpEndpointObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)endpoint_init,
    .tp_traverse = (traverseproc)endpoint_traverse,
    .tp_clear = (inquiry)endpoint_clear,
    .tp_dealloc = (destructor)endpoint_dealloc,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = getset,
};
