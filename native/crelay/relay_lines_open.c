/* Lines opened: ports taken, and streams that have them. */
#include "relay_lines.h"

#define MOST_PORTS 8 /* pairs of one line */

RELAY_WORD(add);
RELAY_WORD(address);
RELAY_WORD(thread_of);

/* Methods of the Python class. */
RELAY_WORD(too_many);
RELAY_WORD(ran_out);
RELAY_WORD(discard);
RELAY_WORD(undo);

/* The pool of a side; borrowed. */
static PoolObject *pool_of(LinesObject *self, PyObject *interface)
{
    PyObject *host = relay_attribute(interface, &word_address);
    PyObject *pool = host == NULL ? NULL : PyDict_GetItemWithError(self->pools, host);
    if (pool == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, host);
    else if (pool != NULL && !PyObject_TypeCheck(pool, &relay_pool_type)) {
        PyErr_SetString(PyExc_TypeError, "a pool must be a PortPoolBase");
        pool = NULL;
    }
    Py_XDECREF(host);
    return (PoolObject *)pool;
}

/* Calls a method that puts something back, also with an exception set, which stays. */
static void put_right(struct relay_word *word, PyObject *const *args, size_t count)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *done = relay_call(word, args, count);
    Py_XDECREF(done);
    if (type != NULL) {
        PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
}

/* A block a side; NULL without an exception when there are no ports. */
static PyObject *take_blocks(LinesObject *self, PyObject *interfaces, long count)
{
    PoolObject *pools[RELAY_SIDES];
    for (int side = 0; side < RELAY_SIDES; side++)
        if ((pools[side] = pool_of(self, PyTuple_GET_ITEM(interfaces, side))) == NULL)
            return NULL;
    PyObject *near = relay_pool_take(pools[0], count);
    PyObject *far = near == NULL ? NULL : relay_pool_take(pools[1], count);
    PyObject *blocks = far == NULL ? NULL : PyTuple_Pack(2, near, far);
    if (near != NULL && blocks == NULL)
        put_right(&word_discard, (PyObject *[]){(PyObject *)self, PyTuple_GET_ITEM(interfaces, 0), near}, 3);
    if (far != NULL && blocks == NULL)
        put_right(&word_discard, (PyObject *[]){(PyObject *)self, PyTuple_GET_ITEM(interfaces, 1), far}, 3);
    Py_XDECREF(near);
    Py_XDECREF(far);
    return blocks;
}

/* The sockets of a line's stream with that number. */
static PyObject *sockets_of(const LineObject *line, Py_ssize_t number)
{
    Py_ssize_t pair = line->kind == RELAY_RTP ? number : number / 2;
    PyObject *sides[RELAY_SIDES], *pairs;
    for (int side = 0; side < RELAY_SIDES; side++) {
        pairs = PyTuple_GET_ITEM(PyTuple_GET_ITEM(line->blocks, side), RELAY_BLOCK_SOCKETS);
        sides[side] = PySequence_GetItem(pairs, pair);
    }
    PyObject *sockets = NULL;
    if (sides[0] != NULL && sides[1] != NULL) {
        if (line->kind == RELAY_RTP)
            sockets = PyTuple_Pack(2, sides[0], sides[1]);
        else if (PyTuple_Check(sides[0]) && PyTuple_Check(sides[1]))
            sockets = Py_BuildValue("((Oi)(Oi))", PyTuple_GET_ITEM(sides[0], number % 2), -1, PyTuple_GET_ITEM(sides[1], number % 2), -1);
    }
    Py_XDECREF(sides[0]);
    Py_XDECREF(sides[1]);
    return sockets;
}

/* Its place in the list comes first, so that nothing can fail once the relay has the stream. */
static bool add_stream(LinesObject *self, LineObject *line, Py_ssize_t number, PyObject *thread)
{
    PyObject *kind = PyLong_FromLong(line->kind), *sockets = kind == NULL ? NULL : sockets_of(line, number), *stream = NULL;
    bool placed = sockets != NULL && PyList_Append(line->streams, Py_None) == 0;
    if (placed)
        stream = relay_call(&word_add, (PyObject *[]){self->relay, kind, sockets, thread, Py_True}, 5);
    self->streams += stream != NULL;
    bool done = stream != NULL && PyList_SetItem(line->streams, number, stream) == 0;
    if (placed && !done)
        PyList_SetSlice(line->streams, number, number + 1, NULL);
    Py_XDECREF(sockets);
    Py_XDECREF(kind);
    return done;
}

/* The relay thread of the first of these streams; any when there is none. */
static PyObject *thread_of(LinesObject *self, PyObject *streams)
{
    if (PyList_GET_SIZE(streams) == 0)
        return PyLong_FromLong(-1);
    return relay_call(&word_thread_of, (PyObject *[]){self->relay, PyList_GET_ITEM(streams, 0)}, 2);
}

static bool add_streams(LinesObject *self, LineObject *line, PyObject *beside)
{
    Py_ssize_t pairs = PyObject_Size(PyTuple_GET_ITEM(PyTuple_GET_ITEM(line->blocks, 0), RELAY_BLOCK_SOCKETS));
    Py_ssize_t count = line->kind == RELAY_RTP ? pairs : 2 * pairs;
    PyObject *thread = thread_of(self, beside != Py_None ? ((LineObject *)beside)->streams : line->streams);
    bool done = pairs > 0 && thread != NULL;
    for (Py_ssize_t i = 0; done && i < count; i++) {
        done = add_stream(self, line, i, thread);
        if (done && i == 0 && count > 1)
            Py_SETREF(thread, thread_of(self, line->streams));
        done = done && thread != NULL;
    }
    Py_XDECREF(thread);
    return done;
}

/* Takes care of the blocks, also when it fails. */
static PyObject *open_with(LinesObject *self, int kind, PyObject *interfaces, PyObject *blocks, PyObject *beside)
{
    PyObject *streams = PyList_New(0), *line = NULL;
    if (streams != NULL)
        line = relay_line_make((PyTypeObject *)self->line_type, kind, interfaces, blocks, streams, self->places, self->muted);
    Py_XDECREF(streams);
    for (int side = 0; line == NULL && side < RELAY_SIDES; side++)
        put_right(&word_discard, (PyObject *[]){(PyObject *)self, PyTuple_GET_ITEM(interfaces, side), PyTuple_GET_ITEM(blocks, side)}, 3);
    if (line == NULL)
        return NULL;
    if (add_streams(self, (LineObject *)line, beside) && relay_chains_enter((ChainsObject *)self->chains, (LineObject *)line))
        return line;
    put_right(&word_undo, (PyObject *[]){(PyObject *)self, line}, 2);
    Py_DECREF(line);
    return NULL;
}

/* NULL without an exception when there is no room for it. */
static PyObject *open_line(LinesObject *self, int kind, long count, PyObject *interfaces, PyObject *beside)
{
    PyObject *blocks = take_blocks(self, interfaces, count);
    if (blocks == NULL && !PyErr_Occurred() && PyList_GET_SIZE(self->leaving) > 0 && relay_lines_reap(self))
        blocks = take_blocks(self, interfaces, count);
    PyObject *line = blocks == NULL ? NULL : open_with(self, kind, interfaces, blocks, beside);
    Py_XDECREF(blocks);
    if (line == NULL && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_MemoryError))
        PyErr_Clear();
    return line;
}

PyObject *relay_lines_open(LinesObject *self, PyObject *args)
{
    PyObject *interfaces, *beside;
    int kind;
    long count;
    if (!PyArg_ParseTuple(args, "ilO!O", &kind, &count, &PyTuple_Type, &interfaces, &beside))
        return NULL;
    if (PyTuple_GET_SIZE(interfaces) != RELAY_SIDES || (beside != Py_None && !PyObject_TypeCheck(beside, &relay_line_type)))
        return PyErr_Format(PyExc_TypeError, "a line has two interfaces, and is beside a line or None");
    if (count < 1 || count > MOST_PORTS)
        return PyObject_CallMethod((PyObject *)self, word_too_many.text, "ll", count, (long)MOST_PORTS);
    PyObject *line = open_line(self, kind, count, interfaces, beside);
    if (line == NULL && !PyErr_Occurred())
        return relay_call(&word_ran_out, (PyObject *[]){(PyObject *)self}, 1);
    return line;
}
