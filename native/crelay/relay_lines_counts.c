/* What was counted of lines. Those that are not RTP, whose ports are streams of their own, are the Python class's. */
#include "relay_lines.h"

RELAY_WORD(totals);
RELAY_WORD(stream_stats);

/* Methods of the Python class. */
RELAY_WORD(totals_of_ports);
RELAY_WORD(counts_of_ports);

static bool is_line(PyObject *line)
{
    if (PyObject_TypeCheck(line, &relay_line_type))
        return true;
    PyErr_Format(PyExc_TypeError, "a line must be a LineBase, not %s", Py_TYPE(line)->tp_name);
    return false;
}

PyObject *relay_lines_totals(LinesObject *self, PyObject *line)
{
    if (!is_line(line))
        return NULL;
    if (((LineObject *)line)->kind != RELAY_RTP)
        return relay_call(&word_totals_of_ports, (PyObject *[]){(PyObject *)self, line}, 2);
    return relay_call(&word_totals, (PyObject *[]){self->relay, ((LineObject *)line)->streams}, 2);
}

PyObject *relay_lines_counts(LinesObject *self, PyObject *line)
{
    if (!is_line(line))
        return NULL;
    if (((LineObject *)line)->kind != RELAY_RTP)
        return relay_call(&word_counts_of_ports, (PyObject *[]){(PyObject *)self, line}, 2);
    PyObject *streams = ((LineObject *)line)->streams, *counts = PyList_New(0);
    for (Py_ssize_t i = 0; counts != NULL && i < PyList_GET_SIZE(streams); i++) {
        PyObject *stats = relay_call(&word_stream_stats, (PyObject *[]){self->relay, PyList_GET_ITEM(streams, i)}, 2);
        if (stats == NULL || PyList_Append(counts, stats) < 0)
            Py_CLEAR(counts);
        Py_XDECREF(stats);
    }
    return counts;
}
