/* native.sip.PassingBody: what waits while the daemon has a body. */
#include "sip_media.h"
#include "sip_proxy.h"
#include "sip_proxy_fields.h"

const char *const sip_passages[] = {"offer", "answer"};

PassingBodyObject *sip_passing_body_new(GlueObject *glue, MessageObject *message, const struct sip_passage_plan *plan, PyObject *proceed) {
    PassingBodyObject *self = PyObject_New(PassingBodyObject, &sip_passing_body_type);
    if (!self) return NULL;
    self->command = plan->command;
    self->insists = plan->insists;
    self->glue = (GlueObject *)Py_NewRef(glue);
    self->message = (MessageObject *)Py_NewRef(message);
    self->proceed = Py_NewRef(proceed);
    self->branch = Py_XNewRef(plan->branch);
    self->judge = Py_XNewRef(plan->judge);
    return self;
}

static void body_dealloc(PassingBodyObject *self) {
    Py_DECREF(self->glue);
    Py_DECREF(self->message);
    Py_DECREF(self->proceed);
    Py_XDECREF(self->branch);
    Py_XDECREF(self->judge);
    PyObject_Free(self);
}

static int count_ok(PassingBodyObject *self) {
    static struct sip_py_word passed[] = {{"ng_requests_total|command=offer,outcome=ok", NULL}, {"ng_requests_total|command=answer,outcome=ok", NULL}};
    return sip_py_count_word(self->glue->counters, &passed[self->command]);
}

int sip_body_arrived(PassingBodyObject *self, struct sip_slice sdp) {
    PyObject *body = PyBytes_FromStringAndSize(sdp.at, (Py_ssize_t)sdp.size);
    int result = body && count_ok(self) == 0 ? sip_message_replace_body(self->message, body) : -1;
    Py_XDECREF(body);
    return result < 0 ? -1 : sip_proceed(self->proceed);
}

static PyObject *body_arrive(PassingBodyObject *self, PyObject *body) {
    if (!PyBytes_Check(body)) return PyErr_Format(PyExc_TypeError, "bytes expected");
    struct sip_slice sdp = {PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body)};
    return sip_py_none(sip_body_arrived(self, sdp));
}

static PyObject *body_stay(PassingBodyObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word unserved = {"unserved", NULL};
    if (count != 2) return PyErr_Format(PyExc_TypeError, "status and reason expected");
    if (!self->judge) return PyObject_Vectorcall(self->proceed, args, 2, NULL);
    PyObject *told[] = {self->judge, self->branch, (PyObject *)self->message, self->proceed, args[0], args[1]};
    return sip_py_call_with(&unserved, told, 6);
}

static PyObject *body_call(PassingBodyObject *self, PyObject *args, PyObject *kwargs) {
    static struct sip_py_word answered = {"answered", NULL};
    PyObject *reply;
    if (kwargs || !PyArg_ParseTuple(args, "O:PassingBody", &reply)) return NULL;
    return sip_py_call((PyObject *)self->glue, &answered, (PyObject *)self, reply);
}

static PyObject *body_command(PassingBodyObject *self, void *closure) {
    (void)closure;
    return PyUnicode_FromString(sip_passages[self->command]);
}

static PyMethodDef body_methods[] = {
    {"arrive", (PyCFunction)body_arrive, METH_O, NULL},
    {"stay", FUNCTION(body_stay), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef body_members[] = {
    FIXED(PassingBodyObject, message),
    {"insists", T_BOOL, offsetof(PassingBodyObject, insists), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef body_getset[] = {
    {"command", (getter)body_command, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_passing_body_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.PassingBody",
    .tp_basicsize = sizeof(PassingBodyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)body_dealloc,
    .tp_call = (ternaryfunc)body_call,
    .tp_methods = body_methods,
    .tp_members = body_members,
    .tp_getset = body_getset,
};
