/* native.relay.ConnectionBase: what a c= line says. */
#include "relay_description.h"

#include <structmember.h>

static PyObject *connection_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *address, *text, *host;
    int family, zero, unicast, private_;
    if (!PyArg_ParseTuple(args, "iUUOppp", &family, &address, &text, &host, &zero, &unicast, &private_))
        return NULL;
    if (host != Py_None && !PyUnicode_Check(host))
        return PyErr_Format(PyExc_TypeError, "a host must be a str or None");
    ConnectionObject *self = (ConnectionObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->family = family;
    self->address = Py_NewRef(address);
    self->text = Py_NewRef(text);
    self->host = Py_NewRef(host);
    self->zero = (char)zero;
    self->unicast = (char)unicast;
    self->private_ = (char)private_;
    return (PyObject *)self;
}

static void connection_dealloc(ConnectionObject *self)
{
    Py_XDECREF(self->address);
    Py_XDECREF(self->text);
    Py_XDECREF(self->host);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef connection_fields[] = {
    {"family", T_INT, offsetof(ConnectionObject, family), READONLY, "4 or 6, the address's where it is numeric."},
    {"address", T_OBJECT_EX, offsetof(ConnectionObject, address), READONLY, "As written."},
    {"text", T_OBJECT_EX, offsetof(ConnectionObject, text), READONLY, "As IN IP4 192.0.2.1."},
    {"host", T_OBJECT_EX, offsetof(ConnectionObject, host), READONLY, "In its shortest form; None: not numeric."},
    {"unicast", T_BOOL, offsetof(ConnectionObject, unicast), READONLY, "Media can be sent to it."},
    {"private", T_BOOL, offsetof(ConnectionObject, private_), READONLY, "It means something at its own place only."},
    {0},
};

PyTypeObject relay_connection_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.ConnectionBase",
    .tp_basicsize = sizeof(ConnectionObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = connection_new,
    .tp_dealloc = (destructor)connection_dealloc,
    .tp_members = connection_fields,
};
