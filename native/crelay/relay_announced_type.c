/* native.relay.AnnouncedBase: what one party was told. */
#include "relay_description.h"

#include <structmember.h>

bool relay_announced_name(PyObject **name, struct relay_span said)
{
    if (PyUnicode_GET_LENGTH(*name) > 0 || said.size == 0)
        return true;
    PyObject *text = relay_text_of(said);
    if (text != NULL)
        Py_SETREF(*name, text);
    return text != NULL;
}

static PyObject *announced_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    long long session_id;
    if (!PyArg_ParseTuple(args, "L", &session_id))
        return NULL;
    AnnouncedObject *self = (AnnouncedObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->told.session_id = session_id;
    self->username = PyUnicode_FromString("");
    self->session_name = Py_XNewRef(self->username);
    if (self->username == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void announced_dealloc(AnnouncedObject *self)
{
    Py_XDECREF(self->username);
    Py_XDECREF(self->session_name);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef announced_fields[] = {
    {"session_id", T_LONGLONG, offsetof(AnnouncedObject, told.session_id), READONLY, "Ours."},
    {"version", T_LONGLONG, offsetof(AnnouncedObject, told.version), READONLY, "0: nothing was told yet."},
    {"username", T_OBJECT_EX, offsetof(AnnouncedObject, username), READONLY, "The first one."},
    {"session_name", T_OBJECT_EX, offsetof(AnnouncedObject, session_name), READONLY, "The first s= line."},
    {0},
};

PyTypeObject relay_announced_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.AnnouncedBase",
    .tp_basicsize = sizeof(AnnouncedObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = announced_new,
    .tp_dealloc = (destructor)announced_dealloc,
    .tp_members = announced_fields,
};
