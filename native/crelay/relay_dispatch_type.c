/* native.relay.DispatcherBase. */
#include "relay_dispatch.h"
#include "relay_replies.h"

static bool is_ready(DispatcherObject *self)
{
    if (self->functions == NULL)
        PyErr_SetString(PyExc_RuntimeError, "Dispatcher.__init__ has not succeeded");
    return self->functions != NULL;
}

static PyObject *dispatcher_packet(DispatcherObject *self, PyObject *args)
{
    PyObject *datagram, *most;
    struct asked asked;
    if (!is_ready(self) || !PyArg_ParseTuple(args, "SO!", &datagram, &PyLong_Type, &most))
        return NULL;
    if (!relay_take_apart(self, datagram, self->own, most, &asked))
        return PyErr_Occurred() ? NULL : relay_answer_generally(self, &asked);
    return relay_answer(self, &asked, relay_clock_ns(self));
}

PyObject *relay_dispatch_datagram(DispatcherObject *self, PyObject *datagram, PyObject *host, PyObject *port, PyObject *most)
{
    struct asked asked;
    if (!is_ready(self))
        return NULL;
    if (!relay_take_apart(self, datagram, host, most, &asked))
        return PyErr_Occurred() ? NULL : relay_answer_generally(self, &asked);
    PyObject *key = Py_BuildValue("(OOy#)", host, port, asked.cookie, asked.cookie_size);
    long long now_ns = key == NULL ? -1 : relay_clock_ns(self);
    PyObject *reply = PyErr_Occurred() ? NULL : relay_answer_once(self, &asked, key, now_ns);
    Py_XDECREF(key);
    return reply;
}

static PyObject *dispatcher_datagram(DispatcherObject *self, PyObject *args)
{
    PyObject *datagram, *source, *most;
    if (!PyArg_ParseTuple(args, "SO!O!", &datagram, &PyTuple_Type, &source, &PyLong_Type, &most))
        return NULL;
    if (PyTuple_GET_SIZE(source) < 2)
        return PyErr_Format(PyExc_TypeError, "a source must be (host, port)");
    return relay_dispatch_datagram(self, datagram, PyTuple_GET_ITEM(source, 0), PyTuple_GET_ITEM(source, 1), most);
}

static int dispatcher_init(DispatcherObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"functions", "known", "request_type", "read_address", "monotonic_ns", "counts", "counters",
                            "replies", "own", "short_bytes", NULL};
    PyObject *given[OBJECTS], **fields = &self->functions;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!(O!O!)O!OOO!O!O!Un", names, &PyDict_Type, &given[0], &PyDict_Type, &given[1],
                                     &PyDict_Type, &given[2], &PyType_Type, &given[3], &given[4], &given[5], &PyDict_Type,
                                     &given[6], &PyDict_Type, &given[7], &relay_replies_type, &given[8], &given[9], &self->short_bytes))
        return -1;
    if (!relay_is_plain_class((PyTypeObject *)given[3])) {
        PyErr_SetString(PyExc_TypeError, "requests must be of a class of fixed size");
        return -1;
    }
    for (int i = 0; i < OBJECTS; i++)
        Py_XSETREF(fields[i], Py_NewRef(given[i]));
    return 0;
}

static int dispatcher_traverse(DispatcherObject *self, visitproc visit, void *arg)
{
    for (int i = 0; i < OBJECTS; i++)
        Py_VISIT((&self->functions)[i]);
    return 0;
}

static int dispatcher_clear(DispatcherObject *self)
{
    for (int i = 0; i < OBJECTS; i++)
        Py_CLEAR((&self->functions)[i]);
    return 0;
}

static void dispatcher_dealloc(DispatcherObject *self)
{
    PyObject_GC_UnTrack(self);
    dispatcher_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef dispatcher_methods[] = {
    {"datagram", (PyCFunction)dispatcher_datagram, METH_VARARGS, "The reply to a datagram, or None."},
    {"packet", (PyCFunction)dispatcher_packet, METH_VARARGS, "The same from this node's own proxy."},
    {0},
};

PyTypeObject relay_dispatcher_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.DispatcherBase",
    .tp_basicsize = sizeof(DispatcherObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)dispatcher_init,
    .tp_traverse = (traverseproc)dispatcher_traverse,
    .tp_clear = (inquiry)dispatcher_clear,
    .tp_dealloc = (destructor)dispatcher_dealloc,
    .tp_methods = dispatcher_methods,
};
