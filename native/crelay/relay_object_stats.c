/* Counters of streams as named tuples. */
#include "relay_module.h"

enum { FIELDS = 19 };

static PyObject *format_remote(const union relay_address *address)
{
    char host[RELAY_ADDRESS_TEXT];
    if (!relay_address_known(address))
        Py_RETURN_NONE;
    uint16_t port = relay_address_format(address, host);
    return Py_BuildValue("(si)", host, (int)port);
}

/* A ComponentStats; filled in directly, since a report has many of them. */
static PyObject *make_stats(const struct relay_stats *s)
{
    PyObject *fields[FIELDS] = {
        PyLong_FromUnsignedLongLong(s->packets),
        PyLong_FromUnsignedLongLong(s->bytes),
        PyLong_FromUnsignedLongLong(s->forwarded),
        PyLong_FromUnsignedLongLong(s->send_errors),
        PyLong_FromUnsignedLongLong(s->strangers),
        PyLong_FromUnsignedLongLong(s->malformed),
        PyLong_FromUnsignedLongLong(s->no_remote),
        PyLong_FromUnsignedLong(s->auth_failed),
        PyLong_FromUnsignedLong(s->replayed),
        PyLong_FromLongLong(s->lost),
        PyLong_FromUnsignedLong(s->gaps),
        PyLong_FromUnsignedLong(s->jitter),
        PyLong_FromUnsignedLong(s->round_trip_us),
        PyLong_FromUnsignedLong(s->ssrc),
        PyLong_FromLong(s->payload_type),
        PyLong_FromUnsignedLongLong(s->first_ns),
        PyLong_FromUnsignedLongLong(s->last_ns),
        format_remote(&s->remote),
        PyBool_FromLong(s->latched),
    };
    PyTypeObject *type = (PyTypeObject *)relay_stats_type;
    PyObject *stats = type->tp_alloc(type, FIELDS);
    bool whole = stats != NULL;
    for (int i = 0; i < FIELDS; i++) {
        whole = whole && fields[i] != NULL;
        if (stats != NULL)
            PyTuple_SET_ITEM(stats, i, fields[i]);
        else
            Py_XDECREF(fields[i]);
    }
    if (!whole)
        Py_CLEAR(stats);
    return stats;
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
    return PyObject_CallFunction(relay_tally_type, "KKKKK", t->packets, t->bytes, t->errors, t->strangers, t->forged);
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
