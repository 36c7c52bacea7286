/* Methods of native.relay.Relay about counters. */
#include "relay_counters.h"

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
    return error != RELAY_OK ? relay_fail(error, stream) : relay_make_stats(&stats);
}

PyObject *relay_object_stream_stats(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    uint32_t stream;
    enum relay_error error = RELAY_OK;
    if (relay == NULL || !relay_parse_stream(argument, &stream))
        return NULL;
    StreamStatsObject *stats = PyObject_New(StreamStatsObject, &relay_stream_stats_type);
    if (stats == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < RELAY_SIDES * RELAY_COMPONENTS && error == RELAY_OK; i++)
        error = relay_get_stats(relay, stream, i / RELAY_COMPONENTS, i % RELAY_COMPONENTS,
                                &stats->of[i / RELAY_COMPONENTS][i % RELAY_COMPONENTS]);
    Py_END_ALLOW_THREADS
    if (error == RELAY_OK)
        return (PyObject *)stats;
    Py_DECREF(stats);
    return relay_fail(error, stream);
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
    return add_up(relay, streams, totals) ? relay_make_totals(totals) : NULL;
}
