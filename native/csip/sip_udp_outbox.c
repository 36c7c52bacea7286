/* What was sent over the flows of an endpoint in this batch. Nothing leaves before its end. */
#include <errno.h>

#include "sip_udp_endpoint.h"

#define FIRST_ROOM 64

static int grow(struct sip_udp_outbox *outbox) {
    size_t room = outbox->room ? 2 * outbox->room : FIRST_ROOM;
    struct sip_udp_waiting *items = PyMem_Realloc(outbox->items, room * sizeof *items);
    if (!items) {
        PyErr_NoMemory();
        return -1;
    }
    outbox->items = items;
    outbox->room = room;
    return 0;
}

int sip_udp_outbox_put(struct sip_udp_outbox *outbox, UdpFlowObject *flow, PyObject *data) {
    if (outbox->count == outbox->room && grow(outbox) < 0) return -1;
    outbox->items[outbox->count++] = (struct sip_udp_waiting){(UdpFlowObject *)Py_NewRef(flow), Py_NewRef(data)};
    return 0;
}

static void release(struct sip_udp_waiting *waiting) {
    Py_DECREF(waiting->flow);
    Py_DECREF(waiting->data);
}

void sip_udp_outbox_clear(struct sip_udp_outbox *outbox) {
    for (size_t i = 0; i < outbox->count; i++) release(&outbox->items[i]);
    PyMem_Free(outbox->items);
    *outbox = (struct sip_udp_outbox){NULL, 0, 0};
}

static void queue(UdpObject *socket, const struct sip_udp_waiting *waiting) {
    static const struct sip_near any = {.family = 0};
    UdpFlowObject *flow = waiting->flow;
    if (flow->to.any.sa_family)
        sip_udp_put(socket, waiting->data, flow->remote, &flow->to, flow->is_bound ? &flow->near : &any);
    else
        sip_udp_note_failed(socket, flow->remote, EINVAL);
}

static int tell_failed(UdpEndpointObject *self) {
    static struct sip_py_word name = {"failed", NULL};
    if (!PyList_GET_SIZE(self->socket->failed)) return 0;
    PyObject *failed = sip_udp_take_failed(self->socket);
    int result = failed ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(failed); i++)
        result = sip_py_do((PyObject *)self, &name, PyTuple_GET_ITEM(PyList_GET_ITEM(failed, i), 0), NULL);
    Py_XDECREF(failed);
    return result;
}

/* While the kernel has no room, the socket is watched for some. */
static int watch(UdpEndpointObject *self) {
    static struct sip_py_word name = {"watch_writable", NULL};
    bool waits = sip_udp_pending(self->socket->udp) > 0;
    if (waits == self->waits_to_write) return 0;
    self->waits_to_write = waits;
    return sip_py_do((PyObject *)self, &name, waits ? Py_True : Py_False, NULL);
}

int sip_udp_endpoint_flush(UdpEndpointObject *self) {
    struct sip_udp_outbox *outbox = &self->outbox;
    if (!self->socket || !self->socket->udp) {
        sip_udp_outbox_clear(outbox);
        PyErr_SetString(PyExc_ValueError, "the socket is closed");
        return -1;
    }
    for (size_t i = 0; i < outbox->count; i++) queue(self->socket, &outbox->items[i]);
    for (size_t i = 0; i < outbox->count; i++) release(&outbox->items[i]);
    outbox->count = 0;
    sip_udp_send_queued(self->socket);
    return watch(self) < 0 ? -1 : tell_failed(self);
}
