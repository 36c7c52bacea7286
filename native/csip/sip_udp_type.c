/* native.sip.UdpSocket */
#include "sip_udp_type.h"

/* --- life --- */

static PyObject *udp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"fd", NULL};
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:UdpSocket", keywords, &fd)) return NULL;
    UdpObject *self = (UdpObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->failed = PyList_New(0);
    self->udp = self->failed ? sip_udp_open(fd) : NULL;
    if (self->udp) {
        self->family = sip_udp_family(self->udp);
        return (PyObject *)self;
    }
    if (self->failed) PyErr_SetFromErrno(PyExc_OSError);
    Py_DECREF(self);
    return NULL;
}

static PyObject *udp_close(UdpObject *self, PyObject *unused) {
    (void)unused;
    if (self->udp) {
        sip_udp_drop_queued(self);
        self->dropped = sip_udp_dropped(self->udp);
        self->oversized = sip_udp_oversized(self->udp);
        sip_udp_close(self->udp);
        self->udp = NULL;
    }
    Py_RETURN_NONE;
}

static void udp_dealloc(UdpObject *self) {
    Py_DECREF(udp_close(self, NULL));
    Py_XDECREF(self->failed);
    Py_XDECREF(self->near_host);
    for (int i = 0; i < SIP_PLACES; i++) {
        Py_XDECREF(self->from[i].tuple);
        Py_XDECREF(self->to[i].tuple);
    }
    Py_TYPE(self)->tp_free((PyObject *)self);
}

bool sip_udp_is_open(UdpObject *self) {
    if (!self->udp) PyErr_SetString(PyExc_ValueError, "the socket is closed");
    return self->udp != NULL;
}

/* --- receive --- */

static PyObject *datagram_tuple(UdpObject *self, const struct sip_datagram *datagram) {
    PyObject *tuple = PyTuple_New(3);
    if (!tuple) return NULL;
    PyObject *data = PyBytes_FromStringAndSize(datagram->data, (Py_ssize_t)datagram->size);
    PyObject *source = sip_udp_cached_tuple(self, datagram->source);
    PyObject *near = sip_udp_near_host(self, &datagram->near);
    PyTuple_SET_ITEM(tuple, 0, data);
    PyTuple_SET_ITEM(tuple, 1, source);
    PyTuple_SET_ITEM(tuple, 2, near);
    if (data && source && near) return tuple;
    Py_DECREF(tuple);
    return NULL;
}

static int add(PyObject *list, UdpObject *self, const struct sip_datagram *datagram) {
    PyObject *tuple = datagram_tuple(self, datagram);
    int result = tuple ? PyList_Append(list, tuple) : -1;
    Py_XDECREF(tuple);
    return result;
}

static PyObject *udp_receive(UdpObject *self, PyObject *unused) {
    struct sip_datagram datagram;
    (void)unused;
    if (!sip_udp_is_open(self)) return NULL;
    int count = sip_udp_receive(self->udp);
    if (count < 0) return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < count; i++)
        if (sip_udp_datagram(self->udp, i, &datagram) && add(list, self, &datagram) < 0) Py_CLEAR(list);
    return list;
}

/* --- errors --- */

static PyObject *error_tuple(const struct sip_udp_error *error) {
    PyObject *address = sip_udp_address_tuple(&error->to);
    return address ? Py_BuildValue("(Ny#)", address, error->data, (Py_ssize_t)error->size) : NULL;
}

PyObject *sip_udp_unreachable(UdpObject *self) {
    struct sip_udp_error errors[SIP_UDP_ERRORS];
    if (!sip_udp_may_have_errors(self->udp)) return PyTuple_New(0);
    int count = sip_udp_read_errors(sip_udp_fd(self->udp), errors);
    PyObject *found = PyTuple_New(count);
    for (int i = 0; found && i < count; i++) {
        PyObject *error = error_tuple(&errors[i]);
        if (error)
            PyTuple_SET_ITEM(found, i, error);
        else
            Py_CLEAR(found);
    }
    return found;
}

static PyObject *udp_unreachable(UdpObject *self, PyObject *unused) {
    (void)unused;
    return sip_udp_is_open(self) ? sip_udp_unreachable(self) : NULL;
}

/* --- attributes --- */

static PyObject *udp_fileno(UdpObject *self, PyObject *unused) {
    (void)unused;
    return sip_udp_is_open(self) ? PyLong_FromLong(sip_udp_fd(self->udp)) : NULL;
}

static PyObject *udp_address(UdpObject *self, void *unused) {
    union sip_sockaddr address;
    socklen_t size = sizeof address;
    (void)unused;
    if (!sip_udp_is_open(self)) return NULL;
    if (getsockname(sip_udp_fd(self->udp), &address.any, &size) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    return sip_udp_address_tuple(&address);
}

static PyObject *udp_dropped(UdpObject *self, void *unused) {
    (void)unused;
    return PyLong_FromUnsignedLong(self->udp ? sip_udp_dropped(self->udp) : self->dropped);
}

static PyObject *udp_oversized(UdpObject *self, void *unused) {
    (void)unused;
    return PyLong_FromUnsignedLongLong(self->udp ? sip_udp_oversized(self->udp) : self->oversized);
}

static PyObject *udp_pending(UdpObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(self->udp ? sip_udp_pending(self->udp) : 0);
}

static PyMethodDef udp_methods[] = {
    {"fileno", (PyCFunction)udp_fileno, METH_NOARGS, NULL},
    {"receive", (PyCFunction)udp_receive, METH_NOARGS, NULL},
    {"queue", FUNCTION(sip_udp_queue_method), METH_FASTCALL, NULL},
    {"flush", (PyCFunction)sip_udp_flush_method, METH_NOARGS, NULL},
    {"send", (PyCFunction)sip_udp_send_method, METH_O, NULL},
    {"unreachable", (PyCFunction)udp_unreachable, METH_NOARGS, NULL},
    {"close", (PyCFunction)udp_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef udp_getset[] = {
    {"address", (getter)udp_address, NULL, NULL, NULL},
    {"dropped", (getter)udp_dropped, NULL, NULL, NULL},
    {"oversized", (getter)udp_oversized, NULL, NULL, NULL},
    {"pending", (getter)udp_pending, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_udp_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.UdpSocket",
    .tp_basicsize = sizeof(UdpObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = udp_new,
    .tp_dealloc = (destructor)udp_dealloc,
    .tp_methods = udp_methods,
    .tp_getset = udp_getset,
};
