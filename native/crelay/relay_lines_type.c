/* native.relay.LinesBase. */
#include "relay_lines.h"

#include <structmember.h>

static PyObject *lines_reap(LinesObject *self, PyObject *Py_UNUSED(unused))
{
    if (!relay_lines_reap(self))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *lines_remove(LinesObject *self, PyObject *args)
{
    LineObject *line;
    if (!PyArg_ParseTuple(args, "O!", &relay_line_type, &line) || !relay_lines_remove(self, line))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *lines_give_back(LinesObject *self, PyObject *args)
{
    LineObject *line;
    if (!PyArg_ParseTuple(args, "O!", &relay_line_type, &line) || !relay_lines_give_back(self, line))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *lines_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"relay", "pools", "chains", "line_type", "places", "muted", NULL};
    PyObject *given[6];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!O!O!O!", names, &given[0], &PyDict_Type, &given[1], &relay_chains_type, &given[2],
                                     &PyType_Type, &given[3], &PyTuple_Type, &given[4], &PyTuple_Type, &given[5]))
        return NULL;
    if (!PyType_IsSubtype((PyTypeObject *)given[3], &relay_line_type))
        return PyErr_Format(PyExc_TypeError, "lines must be of a class of LineBase");
    LinesObject *self = (LinesObject *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    for (int i = 0; i < 6; i++)
        (&self->relay)[i] = Py_NewRef(given[i]);
    self->encodings = PyDict_New();
    self->leaving = PyList_New(0);
    if (self->encodings == NULL || self->leaving == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int lines_traverse(LinesObject *self, visitproc visit, void *arg)
{
    for (int i = 0; i < RELAY_LINES_OBJECTS; i++)
        Py_VISIT((&self->relay)[i]);
    return 0;
}

static int lines_clear(LinesObject *self)
{
    for (int i = 0; i < RELAY_LINES_OBJECTS; i++)
        Py_CLEAR((&self->relay)[i]);
    return 0;
}

static void lines_dealloc(LinesObject *self)
{
    PyObject_GC_UnTrack(self);
    lines_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef lines_methods[] = {
    {"open", (PyCFunction)relay_lines_open, METH_VARARGS, "A line with fresh ports."},
    {"place", (PyCFunction)relay_lines_place, METH_VARARGS, "Sets where a side is."},
    {"learn", (PyCFunction)relay_lines_learn, METH_VARARGS, "What payload types mean, and how their clocks run."},
    {"release", (PyCFunction)relay_lines_release, METH_O, "What came before its sides were placed is judged."},
    {"totals", (PyCFunction)relay_lines_totals, METH_O, "What a line has received."},
    {"counts", (PyCFunction)relay_lines_counts, METH_O, "Of each port pair."},
    {"close", (PyCFunction)relay_lines_close, METH_O, "Ends its streams. Its ports are free after the next reap."},
    {"reap", (PyCFunction)lines_reap, METH_NOARGS, "Frees the ports of lines that were closed."},
    {"remove", (PyCFunction)lines_remove, METH_VARARGS, "Ends the streams of a line."},
    {"give_back", (PyCFunction)lines_give_back, METH_VARARGS, "Its ports, whose sockets are closed."},
    {0},
};

#define OBJECT(name) {#name, T_OBJECT_EX, offsetof(LinesObject, name), READONLY, NULL}

static PyMemberDef lines_members[] = {
    OBJECT(relay),
    OBJECT(pools),
    OBJECT(chains),
    OBJECT(encodings),
    {"streams", T_PYSSIZET, offsetof(LinesObject, streams), READONLY, NULL},
    {0},
};

PyTypeObject relay_lines_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.LinesBase",
    .tp_basicsize = sizeof(LinesObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = lines_new,
    .tp_traverse = (traverseproc)lines_traverse,
    .tp_clear = (inquiry)lines_clear,
    .tp_dealloc = (destructor)lines_dealloc,
    .tp_methods = lines_methods,
    .tp_members = lines_members,
};
