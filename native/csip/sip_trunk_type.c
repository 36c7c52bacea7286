/* native.sip.TrunkBase: how many calls a trunk carries, and how many it may. */
#include "sip_trunk.h"
#include "structmember.h"

static PyObject *trunk_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    TrunkObject *self = (TrunkObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    self->on_count = Py_NewRef(Py_None);
    self->random = Py_NewRef(Py_None);
    self->elsewhere = PyDict_New();
    self->targets = PyList_New(0);
    self->name = PyUnicode_New(0, 0);
    if (self->elsewhere && self->targets && self->name) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int trunk_traverse(TrunkObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->elsewhere);
    Py_VISIT(self->targets);
    Py_VISIT(self->random);
    Py_VISIT(self->on_count);
    return 0;
}

static int trunk_clear(TrunkObject *self) {
    Py_XSETREF(self->on_count, Py_NewRef(Py_None));
    Py_XSETREF(self->random, Py_NewRef(Py_None));
    return 0;
}

static void trunk_dealloc(TrunkObject *self) {
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->name);
    Py_XDECREF(self->elsewhere);
    Py_XDECREF(self->targets);
    Py_XDECREF(self->random);
    Py_XDECREF(self->on_count);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

int sip_trunk_is_full(TrunkObject *self) {
    long long calls = self->calls;
    PyObject *index, *count;
    if (self->max_calls <= 0) return 0;
    for (Py_ssize_t at = 0; PyDict_Next(self->elsewhere, &at, &index, &count);) {
        long long others = PyLong_AsLongLong(count);
        if (others == -1 && PyErr_Occurred()) return -1;
        calls += others;
    }
    return calls >= self->max_calls;
}

int sip_trunk_count(TrunkObject *self, int step) {
    self->calls = self->calls + step > 0 ? self->calls + step : 0;
    if (self->on_count == Py_None || !self->max_calls) return 0;
    return sip_py_done(PyObject_CallOneArg(self->on_count, (PyObject *)self));
}

static PyObject *trunk_count_call(TrunkObject *self, PyObject *step) {
    long by = PyLong_AsLong(step);
    if (by == -1 && PyErr_Occurred()) return NULL;
    return sip_py_none(sip_trunk_count(self, by < 0 ? -1 : 1));
}

static PyObject *trunk_get_full(TrunkObject *self, void *closure) {
    (void)closure;
    int full = sip_trunk_is_full(self);
    return full < 0 ? NULL : PyBool_FromLong(full);
}

static PyObject *trunk_in_turn(TrunkObject *self, PyObject *now) {
    double at = PyFloat_AsDouble(now);
    return at == -1.0 && PyErr_Occurred() ? NULL : sip_trunk_in_turn(self, at);
}

static int trunk_set_targets(TrunkObject *self, PyObject *targets, void *closure) {
    (void)closure;
    if (!targets || !PyList_Check(targets)) {
        PyErr_SetString(PyExc_TypeError, "targets are a list");
        return -1;
    }
    Py_SETREF(self->targets, Py_NewRef(targets));
    return 0;
}

static PyObject *trunk_get_targets(TrunkObject *self, void *closure) {
    (void)closure;
    return Py_NewRef(self->targets);
}

static PyMethodDef methods[] = {
    {"in_turn", (PyCFunction)trunk_in_turn, METH_O, NULL},
    {"count_call", (PyCFunction)trunk_count_call, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"full", (getter)trunk_get_full, NULL, NULL, NULL},
    {"targets", (getter)trunk_get_targets, (setter)trunk_set_targets, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define MEMBER(name, kind) {#name, kind, offsetof(TrunkObject, name), 0, NULL}
static PyMemberDef members[] = {
    MEMBER(calls, T_LONGLONG),
    MEMBER(max_calls, T_LONGLONG),
    MEMBER(edits, T_BOOL),
    MEMBER(plain, T_BOOL),
    MEMBER(transit, T_BOOL),
    MEMBER(trusted, T_BOOL),
    MEMBER(name, T_OBJECT_EX),
    MEMBER(on_count, T_OBJECT_EX),
    MEMBER(random, T_OBJECT_EX),
    {"calls_elsewhere", T_OBJECT_EX, offsetof(TrunkObject, elsewhere), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_trunk_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.TrunkBase",
    .tp_basicsize = sizeof(TrunkObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = trunk_new,
    .tp_traverse = (traverseproc)trunk_traverse,
    .tp_clear = (inquiry)trunk_clear,
    .tp_dealloc = (destructor)trunk_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_getset = getset,
    .tp_members = members,
};
