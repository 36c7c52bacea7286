/* native.relay.LineBase: what is kept of a line. */
#include "relay_line.h"

#include <structmember.h>

/* Two empty texts, made once. */
static PyObject *no_suites(void)
{
    static PyObject *pair;
    if (pair == NULL)
        pair = Py_BuildValue("(ss)", "", "");
    return Py_XNewRef(pair);
}

/* Two truth values, made once. */
static PyObject *pair_of(bool value)
{
    static PyObject *pairs[2];
    if (pairs[value] == NULL)
        pairs[value] = value ? PyTuple_Pack(2, Py_True, Py_True) : PyTuple_Pack(2, Py_False, Py_False);
    return Py_XNewRef(pairs[value]);
}

PyObject *relay_line_make(PyTypeObject *class, int kind, PyObject *interfaces, PyObject *blocks, PyObject *streams, PyObject *places, PyObject *muted)
{
    LineObject *self = (LineObject *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->kind = kind;
    self->recording = -1;
    self->interfaces = Py_NewRef(interfaces);
    self->blocks = Py_NewRef(blocks);
    self->streams = Py_NewRef(streams);
    self->places = Py_NewRef(places);
    self->muted = Py_NewRef(muted);
    self->kept_keys = Py_NewRef(Py_None);
    self->kept_ice = Py_NewRef(Py_None);
    self->held = pair_of(false);
    self->forwarded = pair_of(true);
    self->fed = pair_of(true);
    self->secured = pair_of(false);
    self->muxed = pair_of(false);
    self->suites = no_suites();
    if (!self->suites || !self->held || !self->forwarded || !self->fed || !self->secured || !self->muxed)
        Py_CLEAR(self);
    return (PyObject *)self;
}

PyObject *relay_pair_with(PyObject *pair, int side, PyObject *item)
{
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != RELAY_SIDES)
        return PyErr_Format(PyExc_TypeError, "a pair must be a tuple of %d", RELAY_SIDES);
    return side ? PyTuple_Pack(2, PyTuple_GET_ITEM(pair, 0), item) : PyTuple_Pack(2, item, PyTuple_GET_ITEM(pair, 1));
}

static bool is_pair(PyObject *pair, const char *name)
{
    if (PyTuple_GET_SIZE(pair) == RELAY_SIDES)
        return true;
    PyErr_Format(PyExc_ValueError, "%s must be one for each side", name);
    return false;
}

static PyObject *line_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kind", "interfaces", "blocks", "streams", "places", "muted", NULL};
    PyObject *interfaces, *blocks, *streams, *places, *muted;
    int kind;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iO!O!O!O!O!", names, &kind, &PyTuple_Type, &interfaces, &PyTuple_Type, &blocks,
                                     &PyList_Type, &streams, &PyTuple_Type, &places, &PyTuple_Type, &muted) ||
        !is_pair(interfaces, "interfaces") || !is_pair(blocks, "blocks"))
        return NULL;
    for (int side = 0; side < RELAY_SIDES; side++)
        if (Py_TYPE(PyTuple_GET_ITEM(blocks, side)) != (PyTypeObject *)relay_block_type)
            return PyErr_Format(PyExc_TypeError, "blocks must be PortBlocks");
    return relay_line_make(class, kind, interfaces, blocks, streams, places, muted);
}

static void line_dealloc(LineObject *self)
{
    PyObject **objects[] = {&self->interfaces, &self->blocks, &self->streams, &self->places, &self->held,    &self->forwarded,
                            &self->muted,      &self->fed,    &self->secured, &self->muxed,  &self->kept_keys,
                            &self->suites,     &self->kept_ice};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        Py_XDECREF(*objects[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

#define OBJECT(name) {#name, T_OBJECT_EX, offsetof(LineObject, name), 0, NULL}

static PyMemberDef line_members[] = {
    {"kind", T_INT, offsetof(LineObject, kind), READONLY, NULL},
    {"recording", T_INT, offsetof(LineObject, recording), 0, NULL},
    {"bridged", T_BOOL, offsetof(LineObject, bridged), 0, NULL},
    {"interfaces", T_OBJECT_EX, offsetof(LineObject, interfaces), READONLY, NULL},
    {"blocks", T_OBJECT_EX, offsetof(LineObject, blocks), READONLY, NULL},
    {"streams", T_OBJECT_EX, offsetof(LineObject, streams), READONLY, NULL},
    OBJECT(places),
    OBJECT(held),
    OBJECT(forwarded),
    OBJECT(muted),
    OBJECT(fed),
    OBJECT(secured),
    OBJECT(muxed),
    OBJECT(suites),
    OBJECT(kept_keys),
    OBJECT(kept_ice),
    {0},
};

PyTypeObject relay_line_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.LineBase",
    .tp_basicsize = sizeof(LineObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = line_new,
    .tp_dealloc = (destructor)line_dealloc,
    .tp_members = line_members,
};
