/* native.sip.UdpSocket */
#include "sip_udp_type.h"

#include <errno.h>

/* What a queued datagram keeps alive until it is sent. */
struct owner {
    PyObject *data;
    PyObject *destination;
};

/* --- life --- */

static PyObject *udp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"fd", NULL};
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:UdpSocket", keywords, &fd)) return NULL;
    UdpObject *self = (UdpObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->failed = PyList_New(0);
    self->udp = self->failed ? sip_udp_open(fd) : NULL;
    if (self->udp) return (PyObject *)self;
    if (self->failed) PyErr_SetFromErrno(PyExc_OSError);
    Py_DECREF(self);
    return NULL;
}

static void release(void *context, void *owner, int error) {
    struct owner *held = owner;
    PyObject *failed = context;
    if (error && failed) {
        PyObject *item = Py_BuildValue("(Oi)", held->destination, error);
        if (!item || PyList_Append(failed, item) < 0) PyErr_Clear();
        Py_XDECREF(item);
    }
    Py_DECREF(held->data);
    Py_DECREF(held->destination);
    PyMem_Free(held);
}

static PyObject *udp_close(UdpObject *self, PyObject *unused) {
    (void)unused;
    if (self->udp) {
        sip_udp_cancel(self->udp, release, NULL);
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

static bool is_open(UdpObject *self) {
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

static PyObject *udp_receive(UdpObject *self, PyObject *unused) {
    struct sip_datagram datagram;
    (void)unused;
    if (!is_open(self)) return NULL;
    int count = sip_udp_receive(self->udp);
    if (count < 0) return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < count; i++) {
        if (!sip_udp_datagram(self->udp, i, &datagram)) continue;
        PyObject *tuple = datagram_tuple(self, &datagram);
        if (!tuple || PyList_Append(list, tuple) < 0) Py_CLEAR(list);
        Py_XDECREF(tuple);
    }
    return list;
}

/* --- send --- */

static PyObject *udp_queue(UdpObject *self, PyObject *const *args, Py_ssize_t count) {
    union sip_sockaddr to;
    struct sip_near from = {.family = 0};
    if (count < 2 || count > 3) return PyErr_Format(PyExc_TypeError, "queue(data, destination, source_host=None)");
    if (!PyBytes_Check(args[0])) return PyErr_Format(PyExc_TypeError, "data is bytes");
    if (!is_open(self) || sip_udp_destination(self, args[1], &to) < 0) return NULL;
    if (count == 3 && args[2] != Py_None) {
        if (self->near_host == args[2])
            from = self->near;
        else if (sip_udp_parse_host(args[2], sip_udp_family(self->udp), &from) < 0)
            return NULL;
    }
    if (sip_udp_pending(self->udp) == SIP_UDP_BATCH) sip_udp_flush(self->udp, release, self->failed);
    struct owner *owner = PyMem_Malloc(sizeof *owner);
    if (!owner) return PyErr_NoMemory();
    *owner = (struct owner){Py_NewRef(args[0]), Py_NewRef(args[1])};
    struct sip_slice data = {PyBytes_AS_STRING(args[0]), (size_t)PyBytes_GET_SIZE(args[0])};
    /* a batch that the kernel has no room for stays; what comes on top is dropped and told, as the kernel would */
    if (!sip_udp_queue(self->udp, data, &to, &from, owner)) release(self->failed, owner, EAGAIN);
    Py_RETURN_NONE;
}

static PyObject *udp_flush(UdpObject *self, PyObject *unused) {
    (void)unused;
    if (!is_open(self)) return NULL;
    if (sip_udp_pending(self->udp)) sip_udp_flush(self->udp, release, self->failed);
    PyObject *fresh = PyList_New(0);
    if (!fresh) return NULL;
    PyObject *failed = self->failed;
    self->failed = fresh;
    return failed;
}

/* --- attributes --- */

static PyObject *udp_fileno(UdpObject *self, PyObject *unused) {
    (void)unused;
    return is_open(self) ? PyLong_FromLong(sip_udp_fd(self->udp)) : NULL;
}

static PyObject *udp_address(UdpObject *self, void *unused) {
    union sip_sockaddr address;
    socklen_t size = sizeof address;
    (void)unused;
    if (!is_open(self)) return NULL;
    if (getsockname(sip_udp_fd(self->udp), &address.any, &size) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    return sip_udp_address_tuple(&address);
}

static PyObject *udp_dropped(UdpObject *self, void *unused) {
    (void)unused;
    return is_open(self) ? PyLong_FromUnsignedLong(sip_udp_dropped(self->udp)) : NULL;
}

static PyObject *udp_oversized(UdpObject *self, void *unused) {
    (void)unused;
    return is_open(self) ? PyLong_FromUnsignedLongLong(sip_udp_oversized(self->udp)) : NULL;
}

static PyObject *udp_pending(UdpObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(self->udp ? sip_udp_pending(self->udp) : 0);
}

static PyMethodDef udp_methods[] = {
    {"fileno", (PyCFunction)udp_fileno, METH_NOARGS, NULL},
    {"receive", (PyCFunction)udp_receive, METH_NOARGS, NULL},
    {"queue", (PyCFunction)(void (*)(void))udp_queue, METH_FASTCALL, NULL},
    {"flush", (PyCFunction)udp_flush, METH_NOARGS, NULL},
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
