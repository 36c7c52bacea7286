/* native.relay.Count: requests of one command from one host. */
#include "relay_count.h"

#include <structmember.h>

static bool count_one(PyObject *counters, PyObject *name)
{
    PyObject *before = PyDict_GetItemWithError(counters, name);
    if (before == NULL && PyErr_Occurred())
        return false;
    long long value = before == NULL ? 0 : PyLong_AsLongLong(before);
    PyObject *after = PyErr_Occurred() ? NULL : PyLong_FromLongLong(value + 1);
    bool done = after != NULL && PyDict_SetItem(counters, name, after) == 0;
    Py_XDECREF(after);
    return done;
}

bool relay_count_add(struct relay_request_count *count, PyObject *counters, bool failed, long long duration_ns)
{
    count->requests++;
    count->errors += failed;
    count->duration_ns += duration_ns;
    return count_one(counters, count->asked) && (!failed || count_one(counters, count->refused));
}

static PyObject *count_add(struct relay_request_count *self, PyObject *args)
{
    PyObject *counters;
    int failed;
    long long duration_ns;
    if (!PyArg_ParseTuple(args, "O!pL", &PyDict_Type, &counters, &failed, &duration_ns) ||
        !relay_count_add(self, counters, failed, duration_ns))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *count_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"asked", "refused", NULL};
    PyObject *asked, *refused;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UU", names, &asked, &refused))
        return NULL;
    struct relay_request_count *self = (struct relay_request_count *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->asked = Py_NewRef(asked);
    self->refused = Py_NewRef(refused);
    return (PyObject *)self;
}

static void count_dealloc(struct relay_request_count *self)
{
    Py_XDECREF(self->asked);
    Py_XDECREF(self->refused);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef count_methods[] = {
    {"add", (PyCFunction)count_add, METH_VARARGS, "One request more."},
    {0},
};

static PyMemberDef count_members[] = {
    {"requests", T_LONGLONG, offsetof(struct relay_request_count, requests), READONLY, NULL},
    {"errors", T_LONGLONG, offsetof(struct relay_request_count, errors), READONLY, NULL},
    {"duration_ns", T_LONGLONG, offsetof(struct relay_request_count, duration_ns), READONLY, NULL},
    {0},
};

PyTypeObject relay_count_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.Count",
    .tp_basicsize = sizeof(struct relay_request_count),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = count_new,
    .tp_dealloc = (destructor)count_dealloc,
    .tp_methods = count_methods,
    .tp_members = count_members,
};
