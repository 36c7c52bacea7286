/* native.relay.NgUdpBase: ng over UDP, a datagram at a time. Whom we don't know yet, and who sends from a port of ours, is judged by the
 * Python class (media.ng_udp). */
#include <errno.h>
#include <stdlib.h>

#include "relay_dispatch.h"
#include "relay_line.h"

/* Methods of the Python class. */
RELAY_WORD(is_stranger);
RELAY_WORD(unsent);

typedef struct {
    PyObject_HEAD
    int fd;
    PyObject *dispatcher; /* a DispatcherObject */
    PyObject *chains;     /* a ChainsObject */
    PyObject *allowed;    /* dict: by host whether it may ask */
    PyObject *most;       /* int: bytes of a reply */
    PyObject *host;       /* str: who asked last; proxies ask again and again */
    union relay_address last;
    size_t size;
    char *buffer;
} NgUdpObject;

/* The host a datagram came from; borrowed. */
static PyObject *host_of(NgUdpObject *self, const union relay_address *source)
{
    char text[RELAY_ADDRESS_TEXT];
    struct relay_host one, other;
    relay_address_host(source, &one);
    relay_address_host(&self->last, &other);
    if (self->host != NULL && memcmp(&one, &other, sizeof one) == 0 &&
        (one.family != AF_INET6 || source->v6.sin6_scope_id == self->last.v6.sin6_scope_id))
        return self->host;
    relay_address_format(source, text);
    PyObject *host = PyUnicode_FromString(text);
    if (host == NULL)
        return NULL;
    Py_XSETREF(self->host, host);
    self->last = *source;
    return host;
}

/* 1: no answer for them; negative with an exception set. */
static int is_stranger(NgUdpObject *self, PyObject *host, PyObject *port_object, uint16_t port)
{
    PyObject *allowed = PyDict_GetItemWithError(self->allowed, host);
    if (allowed == Py_True && !relay_chains_may_have((ChainsObject *)self->chains, port))
        return 0;
    PyObject *judged = PyErr_Occurred() ? NULL : relay_call(&word_is_stranger, (PyObject *[]){(PyObject *)self, host, port_object}, 3);
    int stranger = judged == NULL ? -1 : PyObject_IsTrue(judged);
    Py_XDECREF(judged);
    return stranger;
}

static bool send_reply(NgUdpObject *self, PyObject *reply, const union relay_address *source)
{
    if (reply == Py_None)
        return true;
    if (!PyBytes_Check(reply)) {
        PyErr_SetString(PyExc_TypeError, "a reply must be bytes or None");
        return false;
    }
    ssize_t sent = sendto(self->fd, PyBytes_AS_STRING(reply), (size_t)PyBytes_GET_SIZE(reply), MSG_DONTWAIT, &source->any,
                          relay_address_length(source));
    if (sent >= 0)
        return true;
    PyObject *told = relay_call(&word_unsent, (PyObject *[]){(PyObject *)self}, 1);
    Py_XDECREF(told);
    return told != NULL;
}

static bool serve(NgUdpObject *self, const union relay_address *source, size_t size)
{
    uint16_t port = ntohs(source->v4.sin_port); /* it lies at the same offset in both families */
    PyObject *host = Py_XNewRef(host_of(self, source)), *port_object = host == NULL ? NULL : PyLong_FromLong(port), *reply = NULL;
    int stranger = port_object == NULL ? -1 : is_stranger(self, host, port_object, port);
    PyObject *datagram = stranger != 0 ? NULL : PyBytes_FromStringAndSize(self->buffer, (Py_ssize_t)size);
    if (datagram != NULL)
        reply = relay_dispatch_datagram((DispatcherObject *)self->dispatcher, datagram, host, port_object, self->most);
    bool done = stranger == 1 || (reply != NULL && send_reply(self, reply, source));
    Py_XDECREF(reply);
    Py_XDECREF(datagram);
    Py_XDECREF(port_object);
    Py_XDECREF(host);
    return done;
}

static PyObject *ng_udp_readable(NgUdpObject *self, PyObject *Py_UNUSED(unused))
{
    union relay_address source = {0};
    socklen_t length = sizeof source;
    ssize_t size = recvfrom(self->fd, self->buffer, self->size, MSG_DONTWAIT, &source.any, &length);
    if (size < 0 || !relay_address_known(&source)) /* nothing there after all */
        Py_RETURN_NONE;
    if (!serve(self, &source, (size_t)size))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *ng_udp_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd", "dispatcher", "chains", "allowed", "most_request_bytes", "most_reply_bytes", NULL};
    PyObject *dispatcher, *chains, *allowed, *most;
    int fd;
    long size;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iO!O!O!lO!", names, &fd, &relay_dispatcher_type, &dispatcher, &relay_chains_type, &chains,
                                     &PyDict_Type, &allowed, &size, &PyLong_Type, &most) ||
        !relay_in_range("most_request_bytes", size, 1, 1 << 20))
        return NULL;
    NgUdpObject *self = (NgUdpObject *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->fd = fd;
    self->dispatcher = Py_NewRef(dispatcher);
    self->chains = Py_NewRef(chains);
    self->allowed = Py_NewRef(allowed);
    self->most = Py_NewRef(most);
    self->size = (size_t)size;
    self->buffer = malloc(self->size);
    if (self->buffer != NULL)
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static int ng_udp_traverse(NgUdpObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->dispatcher);
    Py_VISIT(self->chains);
    Py_VISIT(self->allowed);
    return 0;
}

static int ng_udp_clear(NgUdpObject *self)
{
    Py_CLEAR(self->dispatcher);
    Py_CLEAR(self->chains);
    Py_CLEAR(self->allowed);
    return 0;
}

static void ng_udp_dealloc(NgUdpObject *self)
{
    PyObject_GC_UnTrack(self);
    ng_udp_clear(self);
    Py_XDECREF(self->most);
    Py_XDECREF(self->host);
    free(self->buffer);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef ng_udp_methods[] = {
    {"readable", (PyCFunction)ng_udp_readable, METH_NOARGS, "Serves one datagram."},
    {0},
};

PyTypeObject relay_ng_udp_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.NgUdpBase",
    .tp_basicsize = sizeof(NgUdpObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = ng_udp_new,
    .tp_traverse = (traverseproc)ng_udp_traverse,
    .tp_clear = (inquiry)ng_udp_clear,
    .tp_dealloc = (destructor)ng_udp_dealloc,
    .tp_methods = ng_udp_methods,
};
