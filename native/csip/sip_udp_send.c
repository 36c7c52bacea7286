/* What waits in a UdpSocket to be sent, and what became of it. */
#include <errno.h>

#include "sip_udp_type.h"

void sip_udp_note_failed(UdpObject *self, PyObject *destination, int error) {
    PyObject *item = Py_BuildValue("(Oi)", destination, error);
    if (!item || PyList_Append(self->failed, item) < 0) PyErr_Clear();
    Py_XDECREF(item);
}

static void drop(struct sip_udp_owner *owner) {
    Py_CLEAR(owner->data);
    Py_CLEAR(owner->destination);
}

static void release(void *context, void *owner, int error) {
    if (error) sip_udp_note_failed(context, ((struct sip_udp_owner *)owner)->destination, error);
    drop(owner);
}

static void forget(void *context, void *owner, int error) {
    (void)context;
    (void)error;
    drop(owner);
}

void sip_udp_drop_queued(UdpObject *self) { sip_udp_cancel(self->udp, forget, NULL); }

void sip_udp_send_queued(UdpObject *self) {
    if (sip_udp_pending(self->udp)) sip_udp_flush(self->udp, release, self);
}

void sip_udp_put(UdpObject *self, PyObject *bytes, PyObject *destination, const union sip_sockaddr *to,
    const struct sip_near *from) {
    if (sip_udp_pending(self->udp) == SIP_UDP_BATCH) sip_udp_send_queued(self);
    struct sip_udp_owner *owner = &self->owners[self->next_owner % SIP_UDP_BATCH];
    struct sip_slice data = {PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)};
    /* a batch that the kernel has no room for stays; what comes on top is dropped and told, as the kernel would */
    if (!sip_udp_queue(self->udp, data, to, from, owner)) {
        sip_udp_note_failed(self, destination, EAGAIN);
        return;
    }
    *owner = (struct sip_udp_owner){Py_NewRef(bytes), Py_NewRef(destination)};
    self->next_owner++;
}

PyObject *sip_udp_take_failed(UdpObject *self) {
    PyObject *failed = self->failed, *fresh = PyList_New(0);
    if (!fresh) return NULL;
    self->failed = fresh;
    return failed;
}

/* `args`: data, destination, perhaps source host. */
static int queue(UdpObject *self, PyObject *const *args, Py_ssize_t count) {
    union sip_sockaddr to;
    struct sip_near from = {.family = 0};
    if (!PyBytes_Check(args[0])) {
        PyErr_Format(PyExc_TypeError, "data is bytes");
        return -1;
    }
    if (sip_udp_destination(self, args[1], &to) < 0) return -1;
    if (count == 3 && args[2] != Py_None) {
        if (self->near_host == args[2])
            from = self->near;
        else if (sip_udp_parse_host(args[2], self->family, &from) < 0)
            return -1;
    }
    sip_udp_put(self, args[0], args[1], &to, &from);
    return 0;
}

PyObject *sip_udp_queue_method(UdpObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count < 2 || count > 3) return PyErr_Format(PyExc_TypeError, "queue(data, destination, source_host=None)");
    if (!sip_udp_is_open(self) || queue(self, args, count) < 0) return NULL;
    Py_RETURN_NONE;
}

PyObject *sip_udp_flush_method(UdpObject *self, PyObject *unused) {
    (void)unused;
    if (!sip_udp_is_open(self)) return NULL;
    sip_udp_send_queued(self);
    return sip_udp_take_failed(self);
}

static int queue_or_fail(UdpObject *self, PyObject *datagram) {
    if (!PyTuple_Check(datagram) || PyTuple_GET_SIZE(datagram) < 2 || PyTuple_GET_SIZE(datagram) > 3) {
        PyErr_Format(PyExc_TypeError, "a datagram is (data, destination, source_host=None)");
        return -1;
    }
    if (queue(self, &PyTuple_GET_ITEM(datagram, 0), PyTuple_GET_SIZE(datagram)) == 0) return 0;
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) return -1;
    PyErr_Clear();
    sip_udp_note_failed(self, PyTuple_GET_ITEM(datagram, 1), EINVAL);
    return 0;
}

PyObject *sip_udp_send_method(UdpObject *self, PyObject *datagrams) {
    if (!PyList_Check(datagrams)) return PyErr_Format(PyExc_TypeError, "a list of datagrams expected");
    if (!sip_udp_is_open(self)) return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(datagrams); i++)
        if (queue_or_fail(self, PyList_GET_ITEM(datagrams, i)) < 0) return NULL;
    return sip_udp_flush_method(self, NULL);
}
