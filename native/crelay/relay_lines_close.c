/* Lines closed, and their ports given back. */
#include "relay_lines.h"

#define MOST_LEAVING 64 /* lines: to free the ports of many at once costs hardly more than those of one */

RELAY_WORD(remove);
RELAY_WORD(reap);
RELAY_WORD(address);

static bool forget_encodings(LinesObject *self, PyObject *stream)
{
    int known = PyDict_Contains(self->encodings, stream);
    return known == 0 || (known == 1 && PyDict_DelItem(self->encodings, stream) == 0);
}

bool relay_lines_remove(LinesObject *self, LineObject *line)
{
    Py_ssize_t count = PyList_GET_SIZE(line->streams);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *stream = PyList_GET_ITEM(line->streams, i);
        PyObject *removed = relay_call(&word_remove, (PyObject *[]){self->relay, stream}, 2);
        Py_XDECREF(removed);
        if (removed == NULL || !forget_encodings(self, stream))
            return false;
    }
    self->streams -= count;
    return PyList_SetSlice(line->streams, 0, count, NULL) == 0;
}

PyObject *relay_lines_close(LinesObject *self, PyObject *line)
{
    if (!PyObject_TypeCheck(line, &relay_line_type))
        return PyErr_Format(PyExc_TypeError, "a line must be a LineBase, not %s", Py_TYPE(line)->tp_name);
    if (!relay_lines_remove(self, (LineObject *)line) || PyList_Append(self->leaving, line) < 0 ||
        (PyList_GET_SIZE(self->leaving) >= MOST_LEAVING && !relay_lines_reap(self)))
        return NULL;
    Py_RETURN_NONE;
}

bool relay_lines_give_back(LinesObject *self, LineObject *line)
{
    bool done = relay_chains_leave((ChainsObject *)self->chains, line);
    for (int side = 0; done && side < RELAY_SIDES; side++) {
        PyObject *host = relay_attribute(PyTuple_GET_ITEM(line->interfaces, side), &word_address);
        PyObject *pool = host == NULL ? NULL : PyDict_GetItemWithError(self->pools, host);
        done = pool != NULL && PyObject_TypeCheck(pool, &relay_pool_type) &&
               relay_pool_give_back((PoolObject *)pool, PyTuple_GET_ITEM(line->blocks, side));
        Py_XDECREF(host);
    }
    if (!done && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "a pool must be a PortPoolBase");
    return done;
}

/* The first ones that left, also after a failure: no port is given back twice. Its exception stays. */
static bool forget(LinesObject *self, Py_ssize_t count)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    bool done = PyList_SetSlice(self->leaving, 0, count, NULL) == 0;
    if (type != NULL) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    return done;
}

bool relay_lines_reap(LinesObject *self)
{
    Py_ssize_t count = PyList_GET_SIZE(self->leaving);
    PyObject *reaped = count == 0 ? Py_NewRef(Py_None) : relay_call(&word_reap, (PyObject *[]){self->relay}, 1);
    Py_XDECREF(reaped);
    Py_ssize_t given = 0;
    bool done = reaped != NULL;
    while (done && given < count)
        done = relay_lines_give_back(self, (LineObject *)PyList_GET_ITEM(self->leaving, given++));
    return forget(self, given) && done;
}
