/* native.relay.ChainsBase: which line has which of our ports. */
#include "relay_line.h"

#include <structmember.h>

RELAY_WORD(address);
RELAY_WORD(endpoint);

bool relay_line_ports(const LineObject *line, int side, PyObject **host, long *port, Py_ssize_t *pairs)
{
    PyObject *block = PyTuple_GET_ITEM(line->blocks, side), *sockets = PyTuple_GET_ITEM(block, RELAY_BLOCK_SOCKETS);
    *port = PyLong_AsLong(PyTuple_GET_ITEM(block, RELAY_BLOCK_PORT));
    *pairs = PyTuple_Check(sockets) ? PyTuple_GET_SIZE(sockets) : 0;
    if (!PyErr_Occurred() && *port >= 0 && *port + 2 * *pairs <= UINT16_MAX + 1) {
        *host = relay_attribute(PyTuple_GET_ITEM(line->interfaces, side), &word_address);
        return *host != NULL;
    }
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a block's ports must be ports");
    return false;
}

static bool set_exit(ChainsObject *self, PyObject *place, PyObject *exit, bool entering)
{
    if (entering)
        return PyDict_SetItem(self->exits, place, exit) == 0;
    if (PyDict_Contains(self->exits, place) == 1)
        return PyDict_DelItem(self->exits, place) == 0;
    return false;
}

/* The ports of one side; ``exit``: where what arrives there leaves. */
static bool set_side(ChainsObject *self, LineObject *line, int side, bool entering)
{
    PyObject *host;
    long port;
    Py_ssize_t pairs;
    if (!relay_line_ports(line, side, &host, &port, &pairs))
        return false;
    PyObject *exit = Py_BuildValue("(Oi)", line, 1 - side);
    bool done = exit != NULL;
    for (Py_ssize_t i = 0; done && i < pairs; i++) {
        PyObject *place = Py_BuildValue("(Ol)", host, port + 2 * i);
        if (place != NULL && set_exit(self, place, exit, entering))
            self->known[port / 2 + i] += entering ? 1 : -1;
        done = place != NULL && !PyErr_Occurred();
        Py_XDECREF(place);
    }
    Py_XDECREF(exit);
    Py_DECREF(host);
    return done;
}

bool relay_chains_enter(ChainsObject *self, LineObject *line) { return set_side(self, line, 0, true) && set_side(self, line, 1, true); }

bool relay_chains_leave(ChainsObject *self, LineObject *line) { return set_side(self, line, 0, false) && set_side(self, line, 1, false); }

static bool is_line(PyObject *line)
{
    if (PyObject_TypeCheck(line, &relay_line_type))
        return true;
    PyErr_SetString(PyExc_TypeError, "a line must be a LineBase");
    return false;
}

static PyObject *chains_leave(ChainsObject *self, PyObject *line)
{
    if (!is_line(line) || !relay_chains_leave(self, (LineObject *)line))
        return NULL;
    Py_RETURN_NONE;
}

static bool parse_port(PyObject *argument, uint16_t *port)
{
    long number = PyLong_AsLong(argument);
    if (PyErr_Occurred() || !relay_in_range("port", number, 0, UINT16_MAX))
        return false;
    *port = (uint16_t)number;
    return true;
}

static PyObject *chains_reserve(ChainsObject *self, PyObject *argument)
{
    uint16_t port;
    if (!parse_port(argument, &port))
        return NULL;
    self->known[port / 2]++;
    Py_RETURN_NONE;
}

static PyObject *chains_may_have(ChainsObject *self, PyObject *argument)
{
    uint16_t port;
    return parse_port(argument, &port) ? PyBool_FromLong(relay_chains_may_have(self, port)) : NULL;
}

/* Whether one of so many ports, each two above the one before, may be ours. */
static bool may_have_run(const ChainsObject *self, long port, Py_ssize_t pairs)
{
    for (Py_ssize_t i = 0; i < pairs && port + 2 * i <= UINT16_MAX; i++)
        if (relay_chains_may_have(self, (uint16_t)(port + 2 * i)))
            return true;
    return false;
}

/* The port of (host, port); -1: None, or with an exception set. */
static long port_of(PyObject *address)
{
    const char *host;
    long port;
    if (address == Py_None)
        return -1;
    if (!PyTuple_Check(address)) {
        PyErr_SetString(PyExc_TypeError, "an address must be (host, port) or None");
        return -1;
    }
    return PyArg_ParseTuple(address, "sl", &host, &port) && relay_in_range("port", port, 0, UINT16_MAX) ? port : -1;
}

/* Whether what is sent to that endpoint goes to a port that may be ours. */
static bool names_us(const ChainsObject *self, PyObject *endpoint, Py_ssize_t pairs)
{
    if (!PyTuple_Check(endpoint) || PyTuple_GET_SIZE(endpoint) != RELAY_ENDPOINT_FIELDS) {
        PyErr_SetString(PyExc_TypeError, "a place must be an Endpoint");
        return false;
    }
    long rtp = port_of(PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_RTP)), rtcp = port_of(PyTuple_GET_ITEM(endpoint, RELAY_ENDPOINT_RTCP));
    if (rtp >= 0 && (may_have_run(self, rtp, pairs) || (rtcp < 0 && may_have_run(self, rtp + 1, pairs))))
        return true;
    return rtcp >= 0 && may_have_run(self, rtcp, pairs);
}

static bool said_names_us(const ChainsObject *self, PyObject *described, Py_ssize_t pairs)
{
    PyObject *endpoint = relay_attribute(described, &word_endpoint);
    bool named = endpoint != NULL && names_us(self, endpoint, pairs);
    Py_XDECREF(endpoint);
    return named;
}

/* Also where its sides were told to be before, which holds on while they are held. */
static bool line_names_us(const ChainsObject *self, LineObject *line, PyObject *offered, PyObject *answered)
{
    PyObject *host;
    long port;
    Py_ssize_t pairs;
    if (!relay_line_ports(line, 0, &host, &port, &pairs))
        return false;
    Py_DECREF(host);
    bool named = said_names_us(self, offered, pairs) || (!PyErr_Occurred() && said_names_us(self, answered, pairs));
    PyObject *places = named || PyErr_Occurred() ? NULL : PySequence_Fast(line->places, "places must be a pair");
    for (Py_ssize_t i = 0; places != NULL && !named && !PyErr_Occurred() && i < PySequence_Fast_GET_SIZE(places); i++)
        named = names_us(self, PySequence_Fast_GET_ITEM(places, i), pairs);
    Py_XDECREF(places);
    return named;
}

static PyObject *chains_named(ChainsObject *self, PyObject *args)
{
    PyObject *lines, *offered, *answered;
    bool named = false;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &lines, &PyList_Type, &offered, &PyList_Type, &answered))
        return NULL;
    if (PyList_GET_SIZE(offered) != PyList_GET_SIZE(lines) || PyList_GET_SIZE(answered) > PyList_GET_SIZE(lines))
        return PyErr_Format(PyExc_ValueError, "every line is offered, and no other one answered");
    for (Py_ssize_t i = 0; !named && i < PyList_GET_SIZE(answered); i++) {
        PyObject *line = PyList_GET_ITEM(lines, i);
        if (line != Py_None && is_line(line))
            named = line_names_us(self, (LineObject *)line, PyList_GET_ITEM(offered, i), PyList_GET_ITEM(answered, i));
        if (PyErr_Occurred())
            return NULL;
    }
    return PyBool_FromLong(named);
}

static PyObject *chains_new(PyTypeObject *class, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    ChainsObject *self = (ChainsObject *)class->tp_alloc(class, 0);
    if (self != NULL && (self->exits = PyDict_New()) == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int chains_traverse(ChainsObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->exits);
    return 0;
}

static int chains_clear(ChainsObject *self)
{
    Py_CLEAR(self->exits);
    return 0;
}

static void chains_dealloc(ChainsObject *self)
{
    PyObject_GC_UnTrack(self);
    chains_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef chains_methods[] = {
    {"leave", (PyCFunction)chains_leave, METH_O, "When its ports are closed; what it sent before may still come."},
    {"reserve", (PyCFunction)chains_reserve, METH_O, "Something else of ours has that port."},
    {"named", (PyCFunction)chains_named, METH_VARARGS, "Whether media of these lines may be sent to a port of ours."},
    {"may_have", (PyCFunction)chains_may_have, METH_O, "False: nothing of ours has that port or the other one of its pair."},
    {0},
};

static PyMemberDef chains_members[] = {
    {"exits", T_OBJECT_EX, offsetof(ChainsObject, exits), READONLY, NULL},
    {0},
};

PyTypeObject relay_chains_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.ChainsBase",
    .tp_basicsize = sizeof(ChainsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = chains_new,
    .tp_traverse = (traverseproc)chains_traverse,
    .tp_clear = (inquiry)chains_clear,
    .tp_dealloc = (destructor)chains_dealloc,
    .tp_methods = chains_methods,
    .tp_members = chains_members,
};
