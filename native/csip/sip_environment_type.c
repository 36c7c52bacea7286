/* native.sip.EnvironmentBase */
#include "sip_store.h"
#include "structmember.h"

static PyObject *environment_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    EnvironmentObject *self = (EnvironmentObject *)type->tp_alloc(type, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    self->env = Py_NewRef(Py_None);
    self->write = Py_NewRef(Py_None);
    self->reading = Py_NewRef(Py_None);
    self->beside = Py_NewRef(Py_None);
    if ((self->staged = PyDict_New())) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

/* What it holds is LMDB's, bytes, or another environment that doesn't hold it: no cycle goes through it. */
static void environment_dealloc(EnvironmentObject *self) {
    Py_XDECREF(self->staged);
    Py_XDECREF(self->reading);
    Py_XDECREF(self->write);
    Py_XDECREF(self->beside);
    Py_XDECREF(self->env);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *environment_get(EnvironmentObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 2) return sip_environment_get(self, args[0], args[1]);
    return PyErr_Format(PyExc_TypeError, "table and key expected");
}

static PyObject *environment_put(EnvironmentObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 3 && PyBytes_Check(args[2])) return sip_py_none(sip_environment_put(self, args[0], args[1], args[2]));
    return PyErr_Format(PyExc_TypeError, "table, key and value expected");
}

static PyObject *environment_delete(EnvironmentObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "table and key expected");
    int found = sip_environment_delete(self, args[0], args[1]);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *environment_commit(EnvironmentObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_environment_commit(self));
}

static PyObject *environment_renew(EnvironmentObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_environment_renew(self));
}

static PyObject *environment_write_staged(EnvironmentObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_environment_write_staged(self));
}

static PyObject *environment_renew_with(EnvironmentObject *self, PyObject *other) {
    if (!sip_py_is_a(other, &sip_environment_type) || other == (PyObject *)self)
        return PyErr_Format(PyExc_TypeError, "another Environment expected");
    Py_SETREF(self->beside, Py_NewRef(other));
    Py_RETURN_NONE;
}

#define METHOD(name, flags) {#name, FUNCTION(environment_##name), flags, NULL}
static PyMethodDef methods[] = {
    METHOD(get, METH_FASTCALL),  METHOD(put, METH_FASTCALL), METHOD(delete, METH_FASTCALL),       METHOD(commit, METH_NOARGS),
    METHOD(renew, METH_NOARGS), METHOD(renew_with, METH_O), METHOD(write_staged, METH_NOARGS), {NULL, NULL, 0, NULL},
};

#define FIELD(name, kind) {"_" #name, kind, offsetof(EnvironmentObject, name), 0, NULL}
static PyMemberDef members[] = {
    FIELD(env, T_OBJECT_EX),
    FIELD(write, T_OBJECT_EX),
    FIELD(reading, T_OBJECT_EX),
    {"_staged", T_OBJECT_EX, offsetof(EnvironmentObject, staged), READONLY, NULL},
    FIELD(spare_bytes, T_PYSSIZET),
    FIELD(keeps_read, T_BOOL),
    FIELD(stages, T_BOOL),
    FIELD(dirty, T_BOOL),
    FIELD(lost, T_BOOL),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_environment_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.EnvironmentBase",
    .tp_basicsize = sizeof(EnvironmentObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = environment_new,
    .tp_dealloc = (destructor)environment_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
