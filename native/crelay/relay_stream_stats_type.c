/* native.relay.StreamStats: what a delete tells of a call is mostly counters that nobody looks at in Python. */
#include "relay_counters.h"

static PyObject *format_remote(const union relay_address *address)
{
    char host[RELAY_ADDRESS_TEXT];
    if (!relay_address_known(address))
        Py_RETURN_NONE;
    uint16_t port = relay_address_format(address, host);
    return Py_BuildValue("(si)", host, (int)port);
}

PyObject *relay_make_stats(const struct relay_stats *s)
{
    PyObject *fields[RELAY_STATS_FIELDS] = {
        [RELAY_STATS_PACKETS] = PyLong_FromUnsignedLongLong(s->packets),
        [RELAY_STATS_BYTES] = PyLong_FromUnsignedLongLong(s->bytes),
        [RELAY_STATS_FORWARDED] = PyLong_FromUnsignedLongLong(s->forwarded),
        [RELAY_STATS_SEND_ERRORS] = PyLong_FromUnsignedLongLong(s->send_errors),
        [RELAY_STATS_STRANGERS] = PyLong_FromUnsignedLongLong(s->strangers),
        [RELAY_STATS_MALFORMED] = PyLong_FromUnsignedLongLong(s->malformed),
        [RELAY_STATS_NO_REMOTE] = PyLong_FromUnsignedLongLong(s->no_remote),
        [RELAY_STATS_AUTH_FAILED] = PyLong_FromUnsignedLong(s->auth_failed),
        [RELAY_STATS_REPLAYED] = PyLong_FromUnsignedLong(s->replayed),
        [RELAY_STATS_CHECKS] = PyLong_FromUnsignedLongLong(s->checks),
        [RELAY_STATS_CHECKS_REFUSED] = PyLong_FromUnsignedLongLong(s->checks_refused),
        [RELAY_STATS_LOST] = PyLong_FromLongLong(s->lost),
        [RELAY_STATS_GAPS] = PyLong_FromUnsignedLong(s->gaps),
        [RELAY_STATS_JITTER] = PyLong_FromUnsignedLong(s->jitter),
        [RELAY_STATS_ROUND_TRIP_US] = PyLong_FromUnsignedLong(s->round_trip_us),
        [RELAY_STATS_SSRC] = PyLong_FromUnsignedLong(s->ssrc),
        [RELAY_STATS_PAYLOAD_TYPE] = PyLong_FromLong(s->payload_type),
        [RELAY_STATS_FIRST_NS] = PyLong_FromUnsignedLongLong(s->first_ns),
        [RELAY_STATS_LAST_NS] = PyLong_FromUnsignedLongLong(s->last_ns),
        [RELAY_STATS_REMOTE] = format_remote(&s->remote),
        [RELAY_STATS_LATCHED] = PyBool_FromLong(s->latched),
    };
    return relay_make_tuple(relay_stats_type, fields, RELAY_STATS_FIELDS);
}

static bool parse_stats(PyObject *given, struct relay_stats *s)
{
    unsigned long long counts[8], checks[2], times[2];
    PyObject *remote;
    const char *host;
    long port;
    int latched;
    if (!Py_IS_TYPE(given, (PyTypeObject *)relay_stats_type)) {
        PyErr_SetString(PyExc_TypeError, "counters must be ComponentStats");
        return false;
    }
    if (!PyArg_ParseTuple(given, "KKKKKKKIIKKLIIIIbKKOp", &counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &counts[5], &counts[6],
                          &s->auth_failed, &s->replayed, &checks[0], &checks[1], &counts[7], &s->gaps, &s->jitter, &s->round_trip_us, &s->ssrc, &s->payload_type,
                          &times[0], &times[1], &remote, &latched))
        return false;
    if (remote != Py_None && (!PyTuple_Check(remote) || !PyArg_ParseTuple(remote, "sl", &host, &port) || !relay_parse_address(host, port, &s->remote)))
        return false;
    s->packets = counts[0], s->bytes = counts[1], s->forwarded = counts[2], s->send_errors = counts[3];
    s->strangers = counts[4], s->malformed = counts[5], s->no_remote = counts[6], s->lost = (int64_t)counts[7];
    s->checks = checks[0], s->checks_refused = checks[1];
    s->first_ns = times[0], s->last_ns = times[1];
    s->latched = latched;
    return true;
}

static PyObject *stream_stats_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sides", NULL};
    PyObject *given[RELAY_SIDES][RELAY_COMPONENTS];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "((OO)(OO))", names, &given[0][0], &given[0][1], &given[1][0], &given[1][1]))
        return NULL;
    StreamStatsObject *self = (StreamStatsObject *)class->tp_alloc(class, 0);
    for (int i = 0; self != NULL && i < RELAY_SIDES * RELAY_COMPONENTS; i++)
        if (!parse_stats(given[i / RELAY_COMPONENTS][i % RELAY_COMPONENTS], &self->of[i / RELAY_COMPONENTS][i % RELAY_COMPONENTS]))
            Py_CLEAR(self);
    return (PyObject *)self;
}

static PyObject *stream_stats_item(StreamStatsObject *self, Py_ssize_t side)
{
    if (side < 0 || side >= RELAY_SIDES)
        return PyErr_Format(PyExc_IndexError, "a stream has %d sides", RELAY_SIDES);
    return Py_BuildValue("(NN)", relay_make_stats(&self->of[side][0]), relay_make_stats(&self->of[side][1]));
}

static Py_ssize_t stream_stats_length(StreamStatsObject *Py_UNUSED(self)) { return RELAY_SIDES; }

static PySequenceMethods stream_stats_sequence = {.sq_length = (lenfunc)stream_stats_length, .sq_item = (ssizeargfunc)stream_stats_item};

PyTypeObject relay_stream_stats_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.StreamStats",
    .tp_basicsize = sizeof(StreamStatsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = stream_stats_new,
    .tp_as_sequence = &stream_stats_sequence,
};
