/* native.sip.TableBase: records of one table of the store, by text. */
#include "sip_store.h"
#include "structmember.h"

#define MAX_KEY_BYTES 480 /* LMDB takes 511 */

/* Short ASCII is its own key; any other is the Python class's to make. */
static PyObject *key_of(TableObject *self, PyObject *text) {
    static struct sip_py_word name = {"key_of", NULL};
    if (PyUnicode_Check(text) && PyUnicode_IS_COMPACT_ASCII(text) && PyUnicode_GET_LENGTH(text) <= MAX_KEY_BYTES)
        return PyBytes_FromStringAndSize((const char *)PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
    return sip_py_call((PyObject *)self, &name, text, NULL);
}

PyObject *sip_table_record(TableObject *self, PyObject *text) {
    PyObject *key = key_of(self, text);
    PyObject *record = key ? sip_environment_get(self->environment, self->table, key) : NULL;
    Py_XDECREF(key);
    return record;
}

int sip_table_put(TableObject *self, PyObject *text, PyObject *record) {
    PyObject *key = key_of(self, text);
    int result = key ? sip_environment_put(self->environment, self->table, key, record) : -1;
    Py_XDECREF(key);
    return result;
}

int sip_table_delete(TableObject *self, PyObject *text) {
    PyObject *key = key_of(self, text);
    int found = key ? sip_environment_delete(self->environment, self->table, key) : -1;
    Py_XDECREF(key);
    return found < 0 ? -1 : 0;
}

/* The class says by TABLE which one it keeps. */
static PyObject *table_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static struct sip_py_word name = {"TABLE", NULL}, open = {"table", NULL};
    PyObject *environment, *which = NULL;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!:TableBase", &sip_environment_type, &environment)) return NULL;
    TableObject *self = (TableObject *)type->tp_alloc(type, 0);
    if (self) self->environment = (EnvironmentObject *)Py_NewRef(environment);
    if (self) which = sip_py_get((PyObject *)self, &name);
    if (which) self->table = sip_py_call(environment, &open, which, NULL);
    Py_XDECREF(which);
    if (self && !self->table) Py_CLEAR(self);
    return (PyObject *)self;
}

static void table_dealloc(TableObject *self) {
    Py_XDECREF(self->environment);
    Py_XDECREF(self->table);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *table_put_record(TableObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyBytes_Check(args[1])) return PyErr_Format(PyExc_TypeError, "key and record expected");
    return sip_py_none(sip_table_put(self, args[0], args[1]));
}

static PyObject *table_delete(TableObject *self, PyObject *text) {
    return sip_py_none(sip_table_delete(self, text));
}

static PyMethodDef methods[] = {
    {"record", (PyCFunction)sip_table_record, METH_O, NULL},
    {"put_record", FUNCTION(table_put_record), METH_FASTCALL, NULL},
    {"delete", (PyCFunction)table_delete, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_env", T_OBJECT_EX, offsetof(TableObject, environment), READONLY, NULL},
    {"_table", T_OBJECT_EX, offsetof(TableObject, table), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_table_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.TableBase",
    .tp_basicsize = sizeof(TableObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = table_new,
    .tp_dealloc = (destructor)table_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
