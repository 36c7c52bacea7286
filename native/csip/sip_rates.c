#include "sip_rates.h"

#include "structmember.h"

#define ROUNDING_S 1e-9

/* --- numbers by key --- */

static bool is_recent(PyObject *numbers) { return sip_py_is_a(numbers, &sip_recent_type); }

/* 1 with the number, 0 without one, -1 with an exception. */
static int get_number(PyObject *numbers, PyObject *key, double *number) {
    static struct sip_py_word get = {"get", NULL};
    PyObject *found = is_recent(numbers) ? Py_XNewRef(sip_recent_get((RecentObject *)numbers, key)) : sip_py_call(numbers, &get, key, NULL);
    if (!found || found == Py_None) {
        Py_XDECREF(found);
        return PyErr_Occurred() ? -1 : 0;
    }
    *number = PyFloat_AsDouble(found);
    Py_DECREF(found);
    return PyErr_Occurred() ? -1 : 1;
}

static int put_number(PyObject *numbers, PyObject *key, double number) {
    static struct sip_py_word put = {"put", NULL};
    PyObject *value = PyFloat_FromDouble(number);
    if (!value) return -1;
    int result = is_recent(numbers) ? sip_recent_put((RecentObject *)numbers, key, value) : sip_py_do(numbers, &put, key, value);
    Py_DECREF(value);
    return result;
}

static int drop_number(PyObject *numbers, PyObject *key) {
    static struct sip_py_word drop = {"drop", NULL};
    return is_recent(numbers) ? sip_recent_drop((RecentObject *)numbers, key) : sip_py_do(numbers, &drop, key, NULL);
}

/* What other workers see as well is held while it changes. */
static int hold(PyObject *numbers, PyObject *key) {
    static struct sip_py_word word_hold = {"hold", NULL};
    return is_recent(numbers) ? 0 : sip_py_do(numbers, &word_hold, key, NULL);
}

/* Passes on `result`, also with an exception set. */
static int released(PyObject *numbers, PyObject *key, int result) {
    static struct sip_py_word release = {"release", NULL};
    PyObject *type, *value, *traceback;
    if (is_recent(numbers)) return result;
    PyErr_Fetch(&type, &value, &traceback);
    if (sip_py_do(numbers, &release, key, NULL) < 0) result = -1;
    if (type) PyErr_Restore(type, value, traceback);
    return result;
}

/* --- rates --- */

static int take(RatesObject *self, PyObject *key, double now) {
    double at = now;
    if (get_number(self->used_up, key, &at) < 0) return -1;
    at = (at > now ? at : now) + self->cost_s;
    if (at - now > self->burst_s + ROUNDING_S) return 0;
    return put_number(self->used_up, key, at) < 0 ? -1 : 1;
}

int sip_rates_take(RatesObject *self, PyObject *key, double now) {
    return hold(self->used_up, key) < 0 ? -1 : released(self->used_up, key, take(self, key, now));
}

static PyObject *rates_take(RatesObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "key and time expected");
    double now = PyFloat_AsDouble(args[1]);
    int may = PyErr_Occurred() ? -1 : sip_rates_take(self, args[0], now);
    return may < 0 ? NULL : PyBool_FromLong(may);
}

static PyObject *rates_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"cost_s", "burst_s", "used_up", NULL};
    double cost_s, burst_s;
    PyObject *used_up;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ddO:RatesBase", keywords, &cost_s, &burst_s, &used_up)) return NULL;
    RatesObject *self = (RatesObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->cost_s = cost_s;
    self->burst_s = burst_s;
    self->used_up = Py_NewRef(used_up);
    return (PyObject *)self;
}

static void rates_dealloc(RatesObject *self) {
    Py_XDECREF(self->used_up);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* --- back-off --- */

double sip_backoff_pause_left_s(BackoffObject *self, PyObject *key, double now) {
    double end = 0;
    int paused = get_number(self->ends, key, &end);
    return paused < 0 ? -1 : paused && end > now ? end - now : 0;
}

int sip_backoff_succeeded(BackoffObject *self, PyObject *key) {
    return drop_number(self->counts, key) < 0 ? -1 : drop_number(self->ends, key);
}

static PyObject *pause_left_s(BackoffObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "key and time expected");
    double now = PyFloat_AsDouble(args[1]), left_s = PyErr_Occurred() ? -1 : sip_backoff_pause_left_s(self, args[0], now);
    return left_s < 0 ? NULL : PyFloat_FromDouble(left_s);
}

static PyObject *succeeded(BackoffObject *self, PyObject *key) {
    return sip_py_none(sip_backoff_succeeded(self, key));
}

static PyObject *backoff_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"counts", "ends", NULL};
    PyObject *counts, *ends;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:BackoffBase", keywords, &counts, &ends)) return NULL;
    BackoffObject *self = (BackoffObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->counts = Py_NewRef(counts);
    self->ends = Py_NewRef(ends);
    return (PyObject *)self;
}

static void backoff_dealloc(BackoffObject *self) {
    Py_XDECREF(self->counts);
    Py_XDECREF(self->ends);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* --- the types; numbers know of none of these --- */

static PyMethodDef rates_methods[] = {{"take", FUNCTION(rates_take), METH_FASTCALL, NULL}, {NULL, NULL, 0, NULL}};

PyTypeObject sip_rates_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.RatesBase",
    .tp_basicsize = sizeof(RatesObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = rates_new,
    .tp_dealloc = (destructor)rates_dealloc,
    .tp_methods = rates_methods,
};

static PyMethodDef backoff_methods[] = {
    {"pause_left_s", FUNCTION(pause_left_s), METH_FASTCALL, NULL},
    {"succeeded", FUNCTION(succeeded), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef backoff_members[] = {
    {"counts", T_OBJECT_EX, offsetof(BackoffObject, counts), READONLY, NULL},
    {"ends", T_OBJECT_EX, offsetof(BackoffObject, ends), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_backoff_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.BackoffBase",
    .tp_basicsize = sizeof(BackoffObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = backoff_new,
    .tp_dealloc = (destructor)backoff_dealloc,
    .tp_methods = backoff_methods,
    .tp_members = backoff_members,
};
