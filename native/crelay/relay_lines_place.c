/* Where the parties of a line are. */
#include "relay_lines.h"

RELAY_WORD(place);
RELAY_WORD(release);
RELAY_WORD(set_clock);
RELAY_WORD(dynamic_hz);
RELAY_WORD(encodings);

/* Methods of the Python class. */
RELAY_WORD(place_opaque);
RELAY_WORD(hold);

/* (host, port) or None, of a pair that many ports above the first one. */
static PyObject *address_at(PyObject *address, Py_ssize_t pair)
{
    PyObject *host;
    long port;
    if (pair == 0 || address == Py_None)
        return Py_NewRef(address);
    if (!PyArg_ParseTuple(address, "Ol", &host, &port))
        return NULL;
    port += 2 * pair;
    return Py_BuildValue("(Ol)", host, port < UINT16_MAX ? port : UINT16_MAX);
}

/* (address, whom to learn from); RTCP that goes to another host is learned there. */
static PyObject *component_place(PyObject *address, PyObject *rtp, PyObject *learn_host)
{
    int elsewhere = 0;
    if (PyTuple_Check(address) && PyTuple_Check(rtp) && address != rtp)
        elsewhere = PyObject_RichCompareBool(PyTuple_GET_ITEM(address, 0), PyTuple_GET_ITEM(rtp, 0), Py_NE);
    return elsewhere < 0 ? NULL : PyTuple_Pack(2, address, elsewhere ? PyTuple_GET_ITEM(address, 0) : learn_host);
}

static bool place_stream(LinesObject *self, PyObject *stream, Py_ssize_t pair, PyObject *side, PyObject *endpoint, PyObject *mux)
{
    PyObject *rtp = address_at(PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_RTP), pair);
    PyObject *rtcp = address_at(mux == Py_True ? Py_None : PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_RTCP), pair);
    PyObject *learn_host = PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_LEARN_HOST), *places[RELAY_COMPONENTS] = {0}, *placed = NULL;
    if (rtp != NULL && rtcp != NULL) {
        places[0] = component_place(rtp, rtp, learn_host);
        places[1] = component_place(rtcp, rtp, learn_host);
    }
    if (places[0] != NULL && places[1] != NULL) {
        PyObject *args[] = {self->relay, stream, side, places[0], places[1], PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_MODE), mux};
        placed = relay_call(&word_place, args, 7);
    }
    Py_XDECREF(placed);
    Py_XDECREF(places[0]);
    Py_XDECREF(places[1]);
    Py_XDECREF(rtp);
    Py_XDECREF(rtcp);
    return placed != NULL;
}

static bool place_streams(LinesObject *self, LineObject *line, PyObject *side, PyObject *endpoint, PyObject *mux)
{
    bool done = true;
    if (line->kind != RELAY_RTP) {
        PyObject *placed = relay_call(&word_place_opaque, (PyObject *[]){(PyObject *)self, (PyObject *)line, side, endpoint, mux}, 5);
        Py_XDECREF(placed);
        return placed != NULL;
    }
    for (Py_ssize_t i = 0; done && i < PyList_GET_SIZE(line->streams); i++)
        done = place_stream(self, PyList_GET_ITEM(line->streams, i), i, side, endpoint, mux);
    return done;
}

static bool set_pair(PyObject **pair, int side, PyObject *item)
{
    if (PyTuple_Check(*pair) && PyTuple_GET_SIZE(*pair) == RELAY_SIDES && PyTuple_GET_ITEM(*pair, side) == item)
        return true;
    PyObject *other = relay_pair_with(*pair, side, item);
    if (other != NULL)
        Py_SETREF(*pair, other);
    return other != NULL;
}

PyObject *relay_lines_place(LinesObject *self, PyObject *args)
{
    LineObject *line;
    PyObject *side_object, *endpoint, *mux;
    if (!PyArg_ParseTuple(args, "O!O!O!O!", &relay_line_type, &line, &PyLong_Type, &side_object, &PyTuple_Type, &endpoint, &PyBool_Type, &mux))
        return NULL;
    long side = PyLong_AsLong(side_object);
    if (PyErr_Occurred() || !relay_in_range("side", side, 0, 1))
        return NULL;
    if (PyTuple_GET_SIZE(endpoint) != RELAY_ENDPOINT_FIELDS)
        return PyErr_Format(PyExc_TypeError, "an endpoint has %d fields", RELAY_ENDPOINT_FIELDS);
    PyObject *held = PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_HELD);
    if (held != Py_True && !(place_streams(self, line, side_object, endpoint, mux) && set_pair(&line->places, (int)side, endpoint)))
        return NULL;
    if (!set_pair(&line->muxed, (int)side, mux))
        return NULL;
    if (PyTuple_GET_ITEM(line->held, side) == held)
        Py_RETURN_NONE;
    return relay_call(&word_hold, (PyObject *[]){(PyObject *)self, (PyObject *)line, side_object, held}, 4);
}

/* What both maps say of it, the second one's word against the first one's. */
static PyObject *merged(PyObject *one, PyObject *other, struct relay_word *word)
{
    PyObject *ones = relay_attribute(one, word), *others = ones == NULL ? NULL : relay_attribute(other, word), *both = NULL;
    if (others != NULL && (!PyDict_Check(ones) || !PyDict_Check(others)))
        PyErr_Format(PyExc_TypeError, "%s must be dictionaries", word->text);
    else if (others != NULL && PyDict_GET_SIZE(ones) == 0)
        both = Py_NewRef(others);
    else if (others != NULL)
        both = PyNumber_Or(ones, others);
    Py_XDECREF(ones);
    Py_XDECREF(others);
    return both;
}

static bool set_clocks(LinesObject *self, PyObject *stream, PyObject *clocks)
{
    PyObject *type, *clock;
    for (Py_ssize_t at = 0; PyDict_Next(clocks, &at, &type, &clock);) {
        PyObject *set = relay_call(&word_set_clock, (PyObject *[]){self->relay, stream, type, clock}, 4);
        Py_XDECREF(set);
        if (set == NULL)
            return false;
    }
    return true;
}

PyObject *relay_lines_learn(LinesObject *self, PyObject *args)
{
    LineObject *line;
    PyObject *one, *other;
    if (!PyArg_ParseTuple(args, "O!OO", &relay_line_type, &line, &one, &other))
        return NULL;
    PyObject *clocks = merged(one, other, &word_dynamic_hz), *names = clocks == NULL ? NULL : merged(one, other, &word_encodings);
    bool done = names != NULL;
    for (Py_ssize_t i = 0; done && i < PyList_GET_SIZE(line->streams); i++) {
        PyObject *stream = PyList_GET_ITEM(line->streams, i);
        done = PyDict_SetItem(self->encodings, stream, names) == 0 && (line->kind != RELAY_RTP || set_clocks(self, stream, clocks));
    }
    Py_XDECREF(names);
    Py_XDECREF(clocks);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *relay_lines_release(LinesObject *self, PyObject *line)
{
    if (!PyObject_TypeCheck(line, &relay_line_type))
        return PyErr_Format(PyExc_TypeError, "a line must be a LineBase, not %s", Py_TYPE(line)->tp_name);
    PyObject *streams = ((LineObject *)line)->streams;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(streams); i++) {
        PyObject *released = relay_call(&word_release, (PyObject *[]){self->relay, PyList_GET_ITEM(streams, i)}, 2);
        Py_XDECREF(released);
        if (released == NULL)
            return NULL;
    }
    Py_RETURN_NONE;
}
