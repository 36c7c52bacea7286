#include "sip_recent.h"

int sip_recent_put(RecentObject *self, PyObject *key, PyObject *value) {
    if (PyDict_GET_SIZE(self->newer) >= self->max_keys) {
        int known = PyDict_Contains(self->newer, key);
        PyObject *next = known == 0 ? PyDict_New() : NULL;
        if (known < 0 || (known == 0 && !next)) return -1;
        if (next) {
            Py_SETREF(self->older, self->newer);
            self->newer = next;
        }
    }
    return PyDict_SetItem(self->newer, key, value);
}

/* What is asked for goes to the newer generation. */
PyObject *sip_recent_get(RecentObject *self, PyObject *key) {
    PyObject *value = PyDict_GetItemWithError(self->newer, key);
    if (value || PyErr_Occurred() || !PyDict_GET_SIZE(self->older)) return value;
    value = Py_XNewRef(PyDict_GetItemWithError(self->older, key));
    if (!value) return NULL;
    int result = sip_recent_put(self, key, value);
    Py_DECREF(value);
    return result < 0 ? NULL : value;
}

static int drop_from(PyObject *dict, PyObject *key) {
    int known = PyDict_GET_SIZE(dict) ? PyDict_Contains(dict, key) : 0;
    return known > 0 ? PyDict_DelItem(dict, key) : known;
}

int sip_recent_drop(RecentObject *self, PyObject *key) {
    int newer = drop_from(self->newer, key);
    return newer < 0 ? -1 : drop_from(self->older, key);
}

/* --- the type --- */

static PyObject *recent_get(RecentObject *self, PyObject *key) {
    PyObject *value = sip_recent_get(self, key);
    return value || PyErr_Occurred() ? Py_XNewRef(value) : Py_NewRef(Py_None);
}

static PyObject *recent_put(RecentObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "key and value expected");
    return sip_py_none(sip_recent_put(self, args[0], args[1]));
}

static PyObject *recent_drop(RecentObject *self, PyObject *key) {
    return sip_py_none(sip_recent_drop(self, key));
}

static Py_ssize_t recent_size(RecentObject *self) { return PyDict_GET_SIZE(self->newer) + PyDict_GET_SIZE(self->older); }

static PyObject *recent_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"max_keys", NULL};
    Py_ssize_t max_keys;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n:RecentBase", keywords, &max_keys)) return NULL;
    RecentObject *self = (RecentObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->max_keys = max_keys;
    if ((self->newer = PyDict_New()) && (self->older = PyDict_New())) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

/* What is put there knows nothing of it: no cycle goes through it. */
static void recent_dealloc(RecentObject *self) {
    Py_XDECREF(self->newer);
    Py_XDECREF(self->older);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"get", (PyCFunction)recent_get, METH_O, NULL},
    {"put", FUNCTION(recent_put), METH_FASTCALL, NULL},
    {"drop", (PyCFunction)recent_drop, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods sequence = {.sq_length = (lenfunc)recent_size};

PyTypeObject sip_recent_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.RecentBase",
    .tp_basicsize = sizeof(RecentObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = recent_new,
    .tp_dealloc = (destructor)recent_dealloc,
    .tp_methods = methods,
    .tp_as_sequence = &sequence,
};
