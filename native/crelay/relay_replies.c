/* native.relay.ReplyCacheBase: replies by the client and its cookie, in two generations. */
#include "relay_replies.h"

#define ENTRY_BYTES 300 /* about what an entry takes besides the reply: the key, its parts, the place in the dictionary */

static void turn(struct relay_replies *self, double now)
{
    bool idle = now >= self->swap_at + self->generation_s;
    PyDict_Clear(self->old);
    if (!idle) {
        PyObject *spare = self->old;
        self->old = self->fresh;
        self->fresh = spare;
    }
    PyDict_Clear(self->fresh);
    self->bytes = 0;
    self->swap_at = now + self->generation_s;
}

static void turn_when_due(struct relay_replies *self, double now)
{
    if (now >= self->swap_at || self->bytes >= self->most_bytes)
        turn(self, now);
}

PyObject *relay_replies_get(struct relay_replies *self, PyObject *key, double now)
{
    turn_when_due(self, now);
    PyObject *reply = PyDict_GetItemWithError(self->fresh, key);
    if (reply == NULL && !PyErr_Occurred())
        reply = PyDict_GetItemWithError(self->old, key);
    return reply;
}

bool relay_replies_put(struct relay_replies *self, PyObject *key, PyObject *reply)
{
    if (PyDict_SetItem(self->fresh, key, reply) < 0)
        return false;
    self->bytes += PyBytes_GET_SIZE(reply) + ENTRY_BYTES;
    return true;
}

static PyObject *replies_get(struct relay_replies *self, PyObject *args)
{
    PyObject *key;
    double now;
    if (!PyArg_ParseTuple(args, "O!d", &PyTuple_Type, &key, &now))
        return NULL;
    PyObject *reply = relay_replies_get(self, key, now);
    if (reply == NULL && PyErr_Occurred())
        return NULL;
    return Py_NewRef(reply != NULL ? reply : Py_None);
}

static PyObject *replies_put(struct relay_replies *self, PyObject *args)
{
    PyObject *key, *reply;
    if (!PyArg_ParseTuple(args, "O!S", &PyTuple_Type, &key, &reply) || !relay_replies_put(self, key, reply))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *replies_scan(struct relay_replies *self, PyObject *argument)
{
    double now = PyFloat_AsDouble(argument);
    if (now == -1.0 && PyErr_Occurred())
        return NULL;
    turn_when_due(self, now);
    Py_RETURN_NONE;
}

static Py_ssize_t replies_length(struct relay_replies *self) { return PyDict_GET_SIZE(self->fresh) + PyDict_GET_SIZE(self->old); }

static PyObject *replies_new(PyTypeObject *class, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    struct relay_replies *self = (struct relay_replies *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->fresh = PyDict_New();
    self->old = PyDict_New();
    if (self->fresh == NULL || self->old == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int replies_init(struct relay_replies *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"now", "generation_s", "most_bytes", NULL};
    double now;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ddn", names, &now, &self->generation_s, &self->most_bytes))
        return -1;
    self->swap_at = now + self->generation_s;
    return 0;
}

static void replies_dealloc(struct relay_replies *self)
{
    Py_XDECREF(self->fresh);
    Py_XDECREF(self->old);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef replies_methods[] = {
    {"get", (PyCFunction)replies_get, METH_VARARGS, "The reply to that key, or None."},
    {"scan", (PyCFunction)replies_scan, METH_O, "Forgets what is too old."},
    {"put", (PyCFunction)replies_put, METH_VARARGS, "After a get that found nothing."},
    {0},
};

static PySequenceMethods replies_sequence = {.sq_length = (lenfunc)replies_length};

PyTypeObject relay_replies_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.ReplyCacheBase",
    .tp_basicsize = sizeof(struct relay_replies),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = replies_new,
    .tp_init = (initproc)replies_init,
    .tp_dealloc = (destructor)replies_dealloc,
    .tp_methods = replies_methods,
    .tp_as_sequence = &replies_sequence,
};
