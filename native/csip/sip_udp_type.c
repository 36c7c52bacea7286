/* native.sip.UdpSocket */
#include "sip_py.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "sip_chars.h"
#include "sip_udp.h"

#define PLACES 1024 /* direct-mapped, a power of two */

/* One address in both forms. */
struct place {
    union sip_sockaddr address;
    PyObject *tuple; /* (host, port) */
};

typedef struct {
    PyObject_HEAD
    struct sip_udp *udp; /* NULL when closed */
    PyObject *failed;    /* [(destination, errno)] of flushes that a full batch forced */
    struct sip_near near; /* of the last datagram, and its host */
    PyObject *near_host;
    struct place from[PLACES]; /* by socket address */
    struct place to[PLACES];   /* by tuple */
} UdpObject;

/* What a queued datagram keeps alive until it is sent. */
struct owner {
    PyObject *data;
    PyObject *destination;
};

/* --- addresses --- */

static uint32_t hash_bytes(const void *bytes, size_t size, uint32_t hash) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * 16777619u;
    return hash;
}

static uint32_t hash_address(const union sip_sockaddr *a) {
    uint32_t hash = a->any.sa_family == AF_INET
                        ? (a->v4.sin_addr.s_addr * 2654435761u) ^ (a->v4.sin_port * 40503u)
                        : hash_bytes(&a->v6.sin6_addr, sizeof a->v6.sin6_addr, a->v6.sin6_port);
    return (hash ^ hash >> 16) & (PLACES - 1);
}

static bool same_address(const union sip_sockaddr *a, const union sip_sockaddr *b) {
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET) return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
}

static PyObject *host_str(int family, const void *address, uint32_t scope) {
    char text[INET6_ADDRSTRLEN];
    if (!inet_ntop(family, address, text, sizeof text)) return PyErr_SetFromErrno(PyExc_OSError);
    return scope ? PyUnicode_FromFormat("%s%%%u", text, (unsigned)scope) : PyUnicode_FromString(text);
}

static PyObject *address_tuple(const union sip_sockaddr *a) {
    bool v4 = a->any.sa_family == AF_INET;
    PyObject *host = v4 ? host_str(AF_INET, &a->v4.sin_addr, 0) : host_str(AF_INET6, &a->v6.sin6_addr, a->v6.sin6_scope_id);
    if (!host) return NULL;
    return Py_BuildValue("(Ni)", host, (int)ntohs(v4 ? a->v4.sin_port : a->v6.sin6_port));
}

/* The shared tuple of an address that was seen before. */
static PyObject *cached_tuple(UdpObject *self, const union sip_sockaddr *address) {
    struct place *place = &self->from[hash_address(address)];
    if (place->tuple && same_address(&place->address, address)) return Py_NewRef(place->tuple);
    PyObject *tuple = address_tuple(address);
    if (!tuple) return NULL;
    place->address = *address;
    Py_XSETREF(place->tuple, Py_NewRef(tuple));
    return tuple;
}

/* A numeric host of the socket's family, "%index" allowed behind IPv6. */
static int parse_host(PyObject *host, sa_family_t family, struct sip_near *out) {
    char copy[INET6_ADDRSTRLEN + 12];
    struct sip_py_view view;
    if (sip_py_view(host, &view) < 0) return -1;
    size_t size = view.text.size;
    bool fits = size < sizeof copy;
    if (fits) memcpy(copy, view.text.at, size);
    Py_XDECREF(view.holder);
    copy[fits ? size : 0] = 0;
    *out = (struct sip_near){.family = family};
    char *percent = family == AF_INET6 ? strchr(copy, '%') : NULL;
    if (percent) {
        struct sip_slice scope = {percent + 1, strlen(percent + 1)};
        *percent = 0;
        fits = fits && sip_number(scope, UINT32_MAX, &out->scope) == SIP_OK;
    }
    if (fits && (percent || strlen(copy) == size) && inet_pton(family, copy, family == AF_INET ? (void *)&out->v4 : (void *)&out->v6) == 1)
        return 0;
    PyErr_Format(PyExc_ValueError, "%R is not a numeric %s address", host, family == AF_INET ? "IPv4" : "IPv6");
    return -1;
}

static int parse_destination(PyObject *destination, sa_family_t family, union sip_sockaddr *to) {
    struct sip_near host;
    if (!PyTuple_Check(destination) || PyTuple_GET_SIZE(destination) != 2) {
        PyErr_SetString(PyExc_TypeError, "destination is (host, port)");
        return -1;
    }
    if (parse_host(PyTuple_GET_ITEM(destination, 0), family, &host) < 0) return -1;
    long port = PyLong_AsLong(PyTuple_GET_ITEM(destination, 1));
    if (port == -1 && PyErr_Occurred()) return -1;
    if (port < 0 || port > 65535) {
        PyErr_SetString(PyExc_ValueError, "port out of range");
        return -1;
    }
    memset(to, 0, sizeof *to);
    if (family == AF_INET)
        to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = host.v4};
    else
        to->v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = host.v6, .sin6_scope_id = host.scope};
    return 0;
}

/* By identity of the tuple first: the same object leads to the same address. */
static int cached_destination(UdpObject *self, PyObject *destination, union sip_sockaddr *to) {
    struct place *place = &self->to[((uintptr_t)destination >> 4) & (PLACES - 1)];
    if (place->tuple == destination) {
        *to = place->address;
        return 0;
    }
    if (parse_destination(destination, sip_udp_family(self->udp), to) < 0) return -1;
    place->address = *to;
    Py_XSETREF(place->tuple, Py_NewRef(destination));
    return 0;
}

static bool same_near(const struct sip_near *a, const struct sip_near *b) {
    if (a->family != b->family || a->scope != b->scope) return false;
    return a->family == AF_INET ? a->v4.s_addr == b->v4.s_addr : !memcmp(&a->v6, &b->v6, sizeof a->v6);
}

/* Host of our side; "" when the kernel did not say. */
static PyObject *near_host(UdpObject *self, const struct sip_near *near) {
    if (self->near_host && same_near(&self->near, near)) return Py_NewRef(self->near_host);
    PyObject *host = near->family == AF_INET    ? host_str(AF_INET, &near->v4, 0)
                     : near->family == AF_INET6 ? host_str(AF_INET6, &near->v6, near->scope)
                                                : PyUnicode_FromString("");
    if (!host) return NULL;
    self->near = *near;
    Py_XSETREF(self->near_host, Py_NewRef(host));
    return host;
}

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
    for (int i = 0; i < PLACES; i++) {
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
    PyObject *source = cached_tuple(self, datagram->source);
    PyObject *near = near_host(self, &datagram->near);
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
    if (!is_open(self) || cached_destination(self, args[1], &to) < 0) return NULL;
    if (count == 3 && args[2] != Py_None) {
        if (self->near_host == args[2])
            from = self->near;
        else if (parse_host(args[2], sip_udp_family(self->udp), &from) < 0)
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
    return address_tuple(&address);
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
