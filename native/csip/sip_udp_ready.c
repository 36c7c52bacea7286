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
static int take_one(UdpEndpointObject *self, const struct sip_datagram *datagram) {
    static struct sip_py_word a_datagram = {"a datagram", NULL};
    return take(self, datagram) == 0 ? 0 : sip_batches_report(self->batches, &a_datagram);
}

static int take_some(UdpEndpointObject *self, int from, int to) {
    struct sip_datagram datagram;
    for (int i = from; i < to && self->socket->udp; i++)
        if (sip_udp_datagram(self->socket->udp, i, &datagram) && take_one(self, &datagram) < 0) return -1;
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
static int receive(UdpEndpointObject *self) {
    int count = sip_udp_receive(self->socket->udp);
    if (count < 0) PyErr_SetFromErrno(PyExc_OSError);
    return count;
}

/* As many. */
static int serve_batch(UdpEndpointObject *self) {
    static struct sip_py_word flooded = {"flooded", NULL};
    PyObject *engine = (PyObject *)self->batches;
    int count = receive(self);
    if (count <= 0) return count;
    if (sip_batches_begin(self->batches) < 0) return -1;
    if (count == SIP_UDP_BATCH && sip_py_do(engine, &flooded, NULL, NULL) < 0) return -1;
    return take_all(self, count) < 0 ? -1 : count;
}

/* --- in overload --- */

/* What there is no room for is refused by the socket itself, since what can't be served must cost next to nothing. The others of
 * `datagrams`; -1 with an exception. */
static int refuse_some(UdpEndpointObject *self, int count, struct sip_shed *shed, struct sip_datagram *datagrams) {
    int left = 0;
    for (int i = 0; i < count; i++) {
        if (!sip_udp_datagram(self->socket->udp, i, &datagrams[left])) continue;
        int done = sip_udp_shed(self->socket, &datagrams[left], shed);
        if (done < 0) return -1;
        left += !done;
    }
    return left;
}

static int tell_refused(UdpEndpointObject *self, Py_ssize_t refused) {
    static struct sip_py_word shed = {"shed", NULL};
    PyObject *number = refused ? PyLong_FromSsize_t(refused) : NULL;
    if (!number) return refused ? -1 : 0;
    int result = sip_py_do(self->batches->admission, &shed, number, NULL);
    Py_DECREF(number);
    return result < 0 ? -1 : sip_udp_endpoint_flush(self);
}

static int take_left(UdpEndpointObject *self, const struct sip_datagram *datagrams, int left) {
    if (!left) return 0;
    int result = sip_batches_begin(self->batches);
    for (int i = 0; result == 0 && i < left && self->socket->udp; i++) result = take_one(self, &datagrams[i]);
    return result < 0 ? -1 : sip_batches_end(self->batches);
}

static int serve_shedding(UdpEndpointObject *self, PyObject *rules) {
    struct sip_datagram datagrams[SIP_UDP_BATCH];
    struct sip_shed shed;
    if (sip_shed_by(&shed, rules) < 0) return -1;
    int count = receive(self), left = count > 0 ? refuse_some(self, count, &shed, datagrams) : count;
    if (left < 0 || tell_refused(self, shed.refused) < 0) return -1;
    return take_left(self, datagrams, left) < 0 ? -1 : count;
}

/* What the rules are, or None. A new reference. */
static PyObject *find_rules(UdpEndpointObject *self) {
    static struct sip_py_word sorting = {"sorting", NULL}, shedding = {"shedding", NULL};
    PyObject *admission = self->batches->admission;
    int sorts = admission != Py_None ? sip_py_is(admission, &sorting) : 0;
    return sorts < 0 ? NULL : sorts ? sip_py_call((PyObject *)self, &shedding, NULL, NULL) : Py_NewRef(Py_None);
}

/* --- a wake-up --- */

static int serve_some(UdpEndpointObject *self) {
    PyObject *rules = find_rules(self);
    int count = !rules ? -1 : rules == Py_None ? serve_batch(self) : serve_shedding(self, rules);
    Py_XDECREF(rules);
    return count;
}

/* What belongs to something is not kept waiting by what is new, so all there is must be seen. */
static int serve_batches(UdpEndpointObject *self) {
    for (int i = 0; i < SIP_UDP_BATCHES && self->socket->udp; i++) {
        int count = serve_some(self);
        if (count < SIP_UDP_BATCH) return count;
    }
    return 0;
}

static int tell_unreachable(UdpEndpointObject *self) {
    static struct sip_py_word name = {"told_unreachable", NULL};
    PyObject *errors = self->socket->udp ? sip_udp_unreachable(self->socket) : PyTuple_New(0);
    int result = !errors ? -1
                 : PyTuple_GET_SIZE(errors) ? sip_py_do((PyObject *)self, &name, errors, NULL)
                                            : 0;
    Py_XDECREF(errors);
    return result;
}

int sip_udp_endpoint_serve(UdpEndpointObject *self) {
    if (!self->socket->udp) return 0;
    if (self->waits_to_write && sip_udp_endpoint_flush(self) < 0) return -1;
    return serve_batches(self) < 0 ? -1 : tell_unreachable(self);
}
