/* native.sip.StreamFlow, the base of TcpConnection (sipcore/transport/connection.py). */
#include "sip_stream.h"

#include "structmember.h"

#define FLOOD_BYTES 32768 /* in one read: so many messages that more may wait */

/* --- what comes --- */

static int receive(StreamObject *self, PyObject *data) {
    static struct sip_py_word flooded = {"flooded", NULL}, abort = {"abort", NULL}, internal = {"internal error", NULL};
    static struct sip_py_word bytes = {"a connection's bytes", NULL};
    BatchesObject *batches = self->batches;
    if (self->closed || self->closing) return 0;
    if (sip_batches_begin(batches) < 0) return -1;
    if (PyBytes_GET_SIZE(data) >= FLOOD_BYTES && sip_py_do((PyObject *)batches, &flooded, NULL, NULL) < 0) return -1;
    self->last_used_s = sip_clock_now(batches->timers);
    if (sip_stream_take(self, data) < 0) {
        if (sip_batches_report(batches, &bytes) < 0) return -1;
        PyObject *reason = sip_py_text(&internal);
        if (!reason || sip_stream_call(self, &abort, reason) < 0) return -1;
    }
    return sip_batches_end(batches);
}

/* --- what goes --- */

static int abort_unsent(StreamObject *self) {
    static struct sip_py_word abort = {"abort", NULL}, unsent = {"unsent", NULL};
    PyObject *reason = sip_py_text(&unsent);
    return reason ? sip_stream_call(self, &abort, reason) : -1;
}

int sip_stream_send(StreamObject *self, PyObject *data) {
    static struct sip_py_word count_unsent = {"count_unsent", NULL};
    if (!PyBytes_Check(data)) return sip_py_done(PyErr_Format(PyExc_TypeError, "data is bytes"));
    if (self->closed) return sip_stream_call(self, &count_unsent, NULL);
    bool first = PyList_GET_SIZE(self->out) == 0;
    if (first && self->is_open && sip_batches_flush_later(self->batches, (PyObject *)self) < 0) return -1;
    if (PyList_Append(self->out, data) < 0) return -1;
    self->out_bytes += (size_t)PyBytes_GET_SIZE(data);
    return self->out_bytes > self->max_unsent_bytes ? abort_unsent(self) : 0;
}

static void clear_out(StreamObject *self) {
    PyList_SetSlice(self->out, 0, PY_SSIZE_T_MAX, NULL);
    self->out_bytes = 0;
}

static PyObject *joined(PyObject *list) {
    if (PyList_GET_SIZE(list) == 1) return Py_NewRef(PyList_GET_ITEM(list, 0));
    Py_ssize_t size = 0, at = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) size += PyBytes_GET_SIZE(PyList_GET_ITEM(list, i));
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    for (Py_ssize_t i = 0; bytes && i < PyList_GET_SIZE(list); i++) {
        PyObject *part = PyList_GET_ITEM(list, i);
        memcpy(PyBytes_AS_STRING(bytes) + at, PyBytes_AS_STRING(part), (size_t)PyBytes_GET_SIZE(part));
        at += PyBytes_GET_SIZE(part);
    }
    return bytes;
}

/* What the peer has not taken yet. */
static int check_unsent(StreamObject *self) {
    static struct sip_py_word get_size = {"get_write_buffer_size", NULL};
    PyObject *size = self->transport == Py_None ? PyLong_FromLong(0) : sip_py_call(self->transport, &get_size, NULL, NULL);
    size_t bytes = size ? PyLong_AsSize_t(size) : (size_t)-1;
    Py_XDECREF(size);
    if (bytes == (size_t)-1 && PyErr_Occurred()) return -1;
    return bytes > self->max_unsent_bytes ? abort_unsent(self) : 0;
}

static int flush(StreamObject *self) {
    static struct sip_py_word write = {"write", NULL}, close = {"close", NULL};
    if (self->transport == Py_None || !self->is_open) return 0;
    if (PyList_GET_SIZE(self->out)) {
        PyObject *data = joined(self->out), *transport = Py_NewRef(self->transport);
        int result = data ? sip_py_do(transport, &write, data, NULL) : -1;
        Py_XDECREF(data);
        Py_DECREF(transport);
        clear_out(self);
        self->last_used_s = sip_clock_now(self->batches->timers);
        if (result < 0 || check_unsent(self) < 0) return -1;
    }
    if (!self->closing || self->transport == Py_None) return 0;
    return sip_py_do(self->transport, &close, NULL, NULL);
}

/* --- the type --- */

#define FIELD(name) offsetof(StreamObject, name)
static const size_t held[] = {FIELD(batches), FIELD(listener), FIELD(remote), FIELD(local_host),
                              FIELD(out), FIELD(transport), FIELD(partial_timer)};
#define HELD (sizeof held / sizeof *held)

static PyObject **field(StreamObject *self, size_t i) { return (PyObject **)((char *)self + held[i]); }

static PyObject *stream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    StreamObject *self = (StreamObject *)type->tp_alloc(type, 0);
    (void)args;
    (void)kwargs;
    if (!self) return NULL;
    self->transport = Py_NewRef(Py_None);
    self->partial_timer = Py_NewRef(Py_None);
    self->closed = true; /* until it is made */
    if ((self->out = PyList_New(0))) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int stream_init(StreamObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"batches", "listener", "remote", "local_host", "max_unsent_bytes", NULL};
    PyObject *batches, *listener, *remote, *local_host;
    Py_ssize_t max_unsent_bytes;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OOOn:StreamFlow", keywords, &sip_batches_type, &batches, &listener, &remote,
            &local_host, &max_unsent_bytes))
        return -1;
    Py_XSETREF(self->batches, (BatchesObject *)Py_NewRef(batches));
    Py_XSETREF(self->listener, Py_NewRef(listener));
    Py_XSETREF(self->remote, Py_NewRef(remote));
    Py_XSETREF(self->local_host, Py_NewRef(local_host));
    self->max_unsent_bytes = max_unsent_bytes < 0 ? 0 : (size_t)max_unsent_bytes;
    self->closed = false;
    return 0;
}

static int stream_traverse(StreamObject *self, visitproc visit, void *arg) {
    for (size_t i = 0; i < HELD; i++) Py_VISIT(*field(self, i));
    return 0;
}

/* What the methods rely on stays: those it is cleared with may call it once more. */
static int stream_clear(StreamObject *self) {
    self->closed = true;
    Py_SETREF(self->transport, Py_NewRef(Py_None));
    Py_SETREF(self->partial_timer, Py_NewRef(Py_None));
    return 0;
}

static void stream_dealloc(StreamObject *self) {
    PyObject_GC_UnTrack(self);
    for (size_t i = 0; i < HELD; i++) Py_XDECREF(*field(self, i));
    sip_buffer_free(&self->kept);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *stream_data_received(StreamObject *self, PyObject *data) {
    if (!PyBytes_Check(data)) return PyErr_Format(PyExc_TypeError, "data is bytes");
    return sip_py_none(receive(self, data));
}

static PyObject *stream_send(StreamObject *self, PyObject *data) {
    return sip_py_none(sip_stream_send(self, data));
}

static PyObject *stream_flush(StreamObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(flush(self));
}

static PyObject *stream_forget(StreamObject *self, PyObject *unused) {
    (void)unused;
    clear_out(self);
    sip_buffer_free(&self->kept);
    self->kept = (struct sip_buffer){.at = NULL};
    Py_RETURN_NONE;
}

static PyObject *stream_is_waiting(StreamObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(PyList_GET_SIZE(self->out) > 0);
}

static PyMethodDef methods[] = {
    {"data_received", (PyCFunction)stream_data_received, METH_O, NULL},
    {"send", (PyCFunction)stream_send, METH_O, NULL},
    {"flush", (PyCFunction)stream_flush, METH_NOARGS, NULL},
    {"forget", (PyCFunction)stream_forget, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"listener", T_OBJECT_EX, FIELD(listener), READONLY, NULL},
    {"remote", T_OBJECT_EX, FIELD(remote), 0, NULL},
    {"local_host", T_OBJECT_EX, FIELD(local_host), 0, NULL},
    {"transport", T_OBJECT, FIELD(transport), 0, NULL},
    {"partial_timer", T_OBJECT, FIELD(partial_timer), 0, NULL},
    {"last_used_s", T_DOUBLE, FIELD(last_used_s), 0, NULL},
    {"closed", T_BOOL, FIELD(closed), 0, NULL},
    {"is_open", T_BOOL, FIELD(is_open), 0, NULL},
    {"closing", T_BOOL, FIELD(closing), 0, NULL},
    {"half_ping", T_BOOL, FIELD(half_ping), 0, NULL},
    {"had_message", T_BOOL, FIELD(had_message), 0, NULL},
    {"may_alias", T_BOOL, FIELD(may_alias), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"is_waiting", (getter)stream_is_waiting, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_stream_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.StreamFlow",
    .tp_basicsize = sizeof(StreamObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = stream_new,
    .tp_init = (initproc)stream_init,
    .tp_traverse = (traverseproc)stream_traverse,
    .tp_clear = (inquiry)stream_clear,
    .tp_dealloc = (destructor)stream_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = getset,
};
