/* native.relay.PortPoolBase: the port pairs of one address, in a ring, so that a port rests as long as it can. */
#include "relay_line.h"

#include <stdlib.h>
#include <structmember.h>

/* Methods of the Python class. */
RELAY_WORD(may_try_next);
RELAY_WORD(ran_out);

static uint16_t pop(PoolObject *self)
{
    uint16_t port = self->ring[self->head];
    self->head = (self->head + 1) % self->room;
    self->used--;
    return port;
}

static void push(PoolObject *self, uint16_t port) { self->ring[(self->head + self->used++) % self->room] = port; }

/* Whether the pairs behind the first one are free too. */
static bool is_run(const PoolObject *self, uint16_t port, long count)
{
    for (long i = 1; i < count; i++)
        if (port / 2 + i >= RELAY_PORT_PAIRS || !self->free[port / 2 + i])
            return false;
    return true;
}

/* Takes a run out of the ring that begins with its first one; the others keep their order. */
static void take_out(PoolObject *self, uint16_t port, long count)
{
    for (long i = 0; i < count; i++)
        self->free[port / 2 + i] = false;
    for (uint32_t left = count > 1 ? self->used : 1; left > 0; left--) {
        uint16_t first = pop(self);
        if (self->free[first / 2])
            push(self, first);
    }
}

/* A block without sockets. */
static PyObject *block_of(uint16_t port)
{
    PyObject *number = PyLong_FromLong(port), *block = NULL;
    if (number != NULL)
        block = ((PyTypeObject *)relay_block_type)->tp_alloc((PyTypeObject *)relay_block_type, RELAY_BLOCK_FIELDS);
    if (block != NULL)
        PyTuple_SET_ITEM(block, RELAY_BLOCK_PORT, number);
    else
        Py_XDECREF(number);
    return block;
}

/* The block; NULL: with an exception, or without one when somebody else has one of these ports. It is made before its sockets, so that
 * nothing can fail once they are open. */
static PyObject *bound(PoolObject *self, uint16_t port, long count)
{
    PyObject *block = block_of(port);
    PyObject *sockets = block == NULL ? NULL : PyObject_CallFunction(self->bind, "Oill", self->host, (int)port, count, self->dscp);
    if (sockets != NULL) {
        PyTuple_SET_ITEM(block, RELAY_BLOCK_SOCKETS, sockets);
        return block;
    }
    Py_XDECREF(block);
    if (!PyErr_ExceptionMatches(PyExc_OSError))
        return NULL;
    PyObject *type, *cause, *traceback;
    PyErr_Fetch(&type, &cause, &traceback);
    PyErr_NormalizeException(&type, &cause, &traceback);
    PyObject *told = relay_call(&word_may_try_next, (PyObject *[]){(PyObject *)self, cause}, 2);
    Py_XDECREF(told);
    Py_XDECREF(type);
    Py_XDECREF(cause);
    Py_XDECREF(traceback);
    return NULL;
}

PyObject *relay_pool_take(PoolObject *self, long count)
{
    for (uint32_t tries = self->used; tries > 0 && self->used > 0; tries--) {
        uint16_t port = self->ring[self->head];
        PyObject *block = is_run(self, port, count) ? bound(self, port, count) : NULL;
        if (block != NULL) {
            take_out(self, port, count);
            self->last_taken = port;
        }
        if (block != NULL || PyErr_Occurred())
            return block;
        push(self, pop(self));
    }
    return NULL;
}

bool relay_pool_give_back(PoolObject *self, PyObject *block)
{
    PyObject *sockets = PyTuple_GET_ITEM(block, RELAY_BLOCK_SOCKETS);
    long port = PyLong_AsLong(PyTuple_GET_ITEM(block, RELAY_BLOCK_PORT));
    Py_ssize_t count = PyTuple_Check(sockets) ? PyTuple_GET_SIZE(sockets) : 0;
    for (Py_ssize_t i = 0; !PyErr_Occurred() && i < count; i++) {
        long each = port + 2 * i;
        if (each < 0 || each > UINT16_MAX || self->used == self->room || self->free[each / 2])
            PyErr_SetString(PyExc_ValueError, "only what was taken is given back");
        else {
            self->free[each / 2] = true;
            push(self, (uint16_t)each);
        }
    }
    return !PyErr_Occurred();
}

static PyObject *pool_take(PoolObject *self, PyObject *args)
{
    long count = 1;
    if (!PyArg_ParseTuple(args, "|l", &count) || !relay_in_range("count", count, 1, RELAY_PORT_PAIRS))
        return NULL;
    PyObject *block = relay_pool_take(self, count);
    if (block == NULL && !PyErr_Occurred())
        return relay_call(&word_ran_out, (PyObject *[]){(PyObject *)self}, 1);
    return block;
}

static PyObject *pool_give_back(PoolObject *self, PyObject *block)
{
    if (Py_TYPE(block) != (PyTypeObject *)relay_block_type)
        return PyErr_Format(PyExc_TypeError, "a block must be a PortBlock, not %s", Py_TYPE(block)->tp_name);
    if (!relay_pool_give_back(self, block))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *pool_new(PyTypeObject *class, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"host", "first", "last", "dscp", "bind", "start", NULL};
    PyObject *host, *bind;
    long first, last, dscp, start;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UlllOl", names, &host, &first, &last, &dscp, &bind, &start) ||
        !relay_in_range("first", first, 0, UINT16_MAX) || !relay_in_range("last", last, 0, UINT16_MAX))
        return NULL;
    PoolObject *self = (PoolObject *)class->tp_alloc(class, 0);
    if (self == NULL)
        return NULL;
    self->host = Py_NewRef(host);
    self->bind = Py_NewRef(bind);
    self->dscp = dscp;
    self->room = RELAY_PORT_PAIRS;
    self->ring = malloc(self->room * sizeof *self->ring);
    if (self->ring == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    for (long port = first + first % 2; port < last; port += 2) {
        self->free[port / 2] = true;
        push(self, (uint16_t)port);
    }
    for (long i = self->used > 0 ? start % (long)self->used : 0; i > 0; i--)
        push(self, pop(self));
    return (PyObject *)self;
}

static int pool_traverse(PoolObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->bind);
    return 0;
}

static int pool_clear(PoolObject *self)
{
    Py_CLEAR(self->bind);
    return 0;
}

static void pool_dealloc(PoolObject *self)
{
    PyObject_GC_UnTrack(self);
    pool_clear(self);
    Py_XDECREF(self->host);
    free(self->ring);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef pool_methods[] = {
    {"take", (PyCFunction)pool_take, METH_VARARGS, "So many consecutive bound pairs."},
    {"give_back", (PyCFunction)pool_give_back, METH_O, "The block's sockets are closed already."},
    {0},
};

static PyMemberDef pool_members[] = {
    {"free", T_UINT, offsetof(PoolObject, used), READONLY, "How many pairs are left."},
    {"last_taken", T_INT, offsetof(PoolObject, last_taken), READONLY, NULL},
    {0},
};

PyTypeObject relay_pool_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.PortPoolBase",
    .tp_basicsize = sizeof(PoolObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = pool_new,
    .tp_traverse = (traverseproc)pool_traverse,
    .tp_clear = (inquiry)pool_clear,
    .tp_dealloc = (destructor)pool_dealloc,
    .tp_methods = pool_methods,
    .tp_members = pool_members,
};
