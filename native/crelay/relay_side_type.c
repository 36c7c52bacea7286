/* native.relay.SideBase: a party of a dialogue. */
#include "relay_session.h"

#include <structmember.h>

static PyObject *side_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"tag", "interface", "announced", "created_at", NULL};
    PyObject *tag, *interface, *announced;
    double created_at;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UOOd", names, &tag, &interface, &announced, &created_at))
        return NULL;
    SideObject *self = (SideObject *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->tag = Py_NewRef(tag);
    self->interface = Py_NewRef(interface);
    self->announced = Py_NewRef(announced);
    self->created_at = created_at;
    self->label = PyUnicode_New(0, 0);
    self->muted = PyFrozenSet_New(NULL);
    self->described = PyList_New(0);
    if (self->label == NULL || self->muted == NULL || self->described == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void side_dealloc(SideObject *self)
{
    Py_XDECREF(self->tag);
    Py_XDECREF(self->interface);
    Py_XDECREF(self->announced);
    Py_XDECREF(self->label);
    Py_XDECREF(self->muted);
    Py_XDECREF(self->described);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *side_get_tag(SideObject *self, void *Py_UNUSED(unused)) { return Py_NewRef(self->tag); }

static int side_set_tag(SideObject *self, PyObject *tag, void *Py_UNUSED(unused))
{
    if (tag == NULL || !PyUnicode_Check(tag)) {
        PyErr_SetString(PyExc_TypeError, "a tag must be a str");
        return -1;
    }
    Py_SETREF(self->tag, Py_NewRef(tag));
    return 0;
}

static PyGetSetDef side_properties[] = {
    {"tag", (getter)side_get_tag, (setter)side_set_tag, NULL, NULL},
    {0},
};

#define OBJECT(name) {#name, T_OBJECT_EX, offsetof(SideObject, name), 0, NULL}

static PyMemberDef side_members[] = {
    OBJECT(interface),
    {"announced", T_OBJECT_EX, offsetof(SideObject, announced), READONLY, NULL},
    OBJECT(label),
    OBJECT(muted),
    OBJECT(described),
    {"created_at", T_DOUBLE, offsetof(SideObject, created_at), READONLY, NULL},
    {0},
};

PyTypeObject relay_side_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.SideBase",
    .tp_basicsize = sizeof(SideObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = side_new,
    .tp_dealloc = (destructor)side_dealloc,
    .tp_getset = side_properties,
    .tp_members = side_members,
};
