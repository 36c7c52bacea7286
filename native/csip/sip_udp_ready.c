/* One wake-up of a UDP socket: batches of datagrams in, what the core answers out. */
#include <errno.h>

#include "sip_ingress.h"
#include "sip_udp_endpoint.h"

static int take(UdpEndpointObject *self, const struct sip_datagram *datagram) {
    UdpFlowObject *flow = sip_udp_flow_from(self, datagram);
    PyObject *data = flow ? PyBytes_FromStringAndSize(datagram->data, (Py_ssize_t)datagram->size) : NULL;
    int result = data ? sip_receive(self->batches->receive, data, (PyObject *)flow) : -1;
    Py_XDECREF(flow);
    Py_XDECREF(data);
    return result;
}

/* An error of ours with one datagram is no reason to leave the others alone. */
static int take_some(UdpEndpointObject *self, int from, int to) {
    static struct sip_py_word a_datagram = {"a datagram", NULL};
    struct sip_datagram datagram;
    for (int i = from; i < to && self->socket->udp; i++) {
        if (!sip_udp_datagram(self->socket->udp, i, &datagram) || take(self, &datagram) == 0) continue;
        if (sip_batches_report(self->batches, &a_datagram) < 0) return -1;
    }
    return 0;
}

/* What the first of a burst led to leaves before the last is looked at. */
static int take_all(UdpEndpointObject *self, int count) {
    int result = 0;
    for (int from = 0; result == 0 && from < count; from += SIP_UDP_SHARE) {
        int to = count - from > SIP_UDP_SHARE ? from + SIP_UDP_SHARE : count;
        if (from && sip_batches_begin(self->batches) < 0) return -1;
        result = take_some(self, from, to);
        if (result == 0) result = sip_batches_end(self->batches);
    }
    return result;
}

/* How many datagrams there were; -1 with an exception. */
static int serve_batch(UdpEndpointObject *self) {
    static struct sip_py_word flooded = {"flooded", NULL};
    PyObject *engine = (PyObject *)self->batches;
    int count = sip_udp_receive(self->socket->udp);
    if (count < 0) PyErr_SetFromErrno(PyExc_OSError);
    if (count <= 0) return count;
    if (sip_batches_begin(self->batches) < 0) return -1;
    if (count == SIP_UDP_BATCH && sip_py_done(sip_py_call(engine, &flooded, NULL, NULL)) < 0) return -1;
    return take_all(self, count) < 0 ? -1 : count;
}

/* Whether it is overload, and the socket refuses what is new by itself. */
static int is_shedding(UdpEndpointObject *self) {
    static struct sip_py_word sorting = {"sorting", NULL}, backlog = {"backlog", NULL}, busy = {"busy", NULL};
    PyObject *admission = self->batches->admission;
    int sorts = admission != Py_None ? sip_py_is(admission, &sorting) : 0;
    if (sorts <= 0) return sorts;
    PyObject *waiting = sip_py_get(admission, &backlog);
    int result = waiting ? sip_py_is(waiting, &busy) : -1;
    Py_XDECREF(waiting);
    return result;
}

static int serve_shedding(UdpEndpointObject *self) {
    static struct sip_py_word name = {"serve_shedding", NULL};
    PyObject *result = sip_py_call((PyObject *)self, &name, NULL, NULL);
    long count = result ? PyLong_AsLong(result) : -1;
    Py_XDECREF(result);
    return count < 0 ? -1 : (int)count;
}

/* What belongs to something is not kept waiting by what is new, so all there is must be seen. */
static int serve_batches(UdpEndpointObject *self) {
    for (int i = 0; i < SIP_UDP_BATCHES && self->socket->udp; i++) {
        int shedding = is_shedding(self);
        int count = shedding < 0 ? -1 : shedding ? serve_shedding(self) : serve_batch(self);
        if (count < SIP_UDP_BATCH) return count;
    }
    return 0;
}

static int tell_unreachable(UdpEndpointObject *self) {
    static struct sip_py_word name = {"told_unreachable", NULL};
    PyObject *errors = self->socket->udp ? sip_udp_unreachable(self->socket) : PyTuple_New(0);
    int result = !errors ? -1
                 : PyTuple_GET_SIZE(errors) ? sip_py_done(sip_py_call((PyObject *)self, &name, errors, NULL))
                                            : 0;
    Py_XDECREF(errors);
    return result;
}

int sip_udp_endpoint_serve(UdpEndpointObject *self) {
    if (!self->socket->udp) return 0;
    if (self->waits_to_write && sip_udp_endpoint_flush(self) < 0) return -1;
    return serve_batches(self) < 0 ? -1 : tell_unreachable(self);
}
