/* Counters of streams as named tuples. */
#include "relay_module.h"

static PyObject *format_remote(const union relay_address *address)
{
    char host[RELAY_ADDRESS_TEXT];
    if (!relay_address_known(address))
        Py_RETURN_NONE;
    uint16_t port = relay_address_format(address, host);
    return Py_BuildValue("(si)", host, (int)port);
}

PyObject *relay_make_tuple(PyObject *type, PyObject *const *fields, Py_ssize_t count)
{
    PyObject *tuple = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, count);
    bool whole = tuple != NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        whole = whole && fields[i] != NULL;
        if (tuple != NULL)
            PyTuple_SET_ITEM(tuple, i, fields[i]);
        else
            Py_XDECREF(fields[i]);
    }
    if (!whole)
        Py_CLEAR(tuple);
    return tuple;
}

static PyObject *make_stats(const struct relay_stats *s)
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

PyObject *relay_object_stats(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "component", NULL};
    struct relay *relay = relay_made(self);
    struct relay_stats stats = {0};
    unsigned int stream;
    long side, component;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ill", names, &stream, &side, &component) ||
        !relay_in_range("side", side, 0, 1) || !relay_in_range("component", component, 0, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_get_stats(relay, stream, (int)side, (int)component, &stats);
    Py_END_ALLOW_THREADS
    return error != RELAY_OK ? relay_fail(error, stream) : make_stats(&stats);
}

PyObject *relay_object_stream_stats(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    struct relay_stats stats[RELAY_SIDES][RELAY_COMPONENTS];
    uint32_t stream;
    enum relay_error error = RELAY_OK;
    if (relay == NULL || !relay_parse_stream(argument, &stream))
        return NULL;
    memset(stats, 0, sizeof stats);
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < RELAY_SIDES * RELAY_COMPONENTS && error == RELAY_OK; i++)
        error = relay_get_stats(relay, stream, i / RELAY_COMPONENTS, i % RELAY_COMPONENTS,
                                &stats[i / RELAY_COMPONENTS][i % RELAY_COMPONENTS]);
    Py_END_ALLOW_THREADS
    if (error != RELAY_OK)
        return relay_fail(error, stream);
    return Py_BuildValue("((NN)(NN))", make_stats(&stats[0][0]), make_stats(&stats[0][1]), make_stats(&stats[1][0]),
                         make_stats(&stats[1][1]));
}

static PyObject *make_tally(const struct relay_totals *t)
{
    PyObject *fields[] = {
        PyLong_FromUnsignedLongLong(t->packets),   PyLong_FromUnsignedLongLong(t->bytes),  PyLong_FromUnsignedLongLong(t->errors),
        PyLong_FromUnsignedLongLong(t->strangers), PyLong_FromUnsignedLongLong(t->forged),
    };
    return relay_make_tuple(relay_tally_type, fields, 5);
}

static bool add_up(struct relay *relay, PyObject *streams, struct relay_totals totals[RELAY_COMPONENTS])
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(streams); i++) {
        uint32_t stream;
        if (!relay_parse_stream(PyList_GET_ITEM(streams, i), &stream))
            return false;
        enum relay_error error = relay_add_totals(relay, stream, totals);
        if (error != RELAY_OK) {
            relay_fail(error, stream);
            return false;
        }
    }
    return true;
}

PyObject *relay_object_totals(RelayObject *self, PyObject *streams)
{
    struct relay *relay = relay_made(self);
    struct relay_totals totals[RELAY_COMPONENTS];
    if (relay == NULL)
        return NULL;
    if (!PyList_Check(streams))
        return PyErr_Format(PyExc_TypeError, "streams must be a list, not %s", Py_TYPE(streams)->tp_name);
    memset(totals, 0, sizeof totals);
    if (!add_up(relay, streams, totals))
        return NULL;
    PyObject *rtp = make_tally(&totals[RELAY_RTP_COMPONENT]);
    PyObject *rtcp = rtp == NULL ? NULL : make_tally(&totals[RELAY_RTCP_COMPONENT]);
    PyObject *both = rtcp == NULL ? NULL : PyTuple_Pack(2, rtp, rtcp);
    Py_XDECREF(rtp);
    Py_XDECREF(rtcp);
    return both;
}
