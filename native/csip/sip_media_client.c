/* native.sip.MediaClientBase: requests to the media daemon, by their cookies, and the replies. */
#include "sip_ng_request.h"
#include "structmember.h"

/* --- asking --- */

static int ask(MediaClientObject *self, struct sip_slice data, PyObject *answered) {
    static struct sip_py_word refused = {"refused", NULL};
    if (PyDict_GET_SIZE(self->pending) >= self->most) return sip_py_do((PyObject *)self, &refused, answered, NULL);
    NgRequestObject *asked = sip_ng_request_new(self, data, answered);
    int result = asked ? PyDict_SetItem(self->pending, asked->cookie, (PyObject *)asked) : -1;
    if (result == 0) result = sip_ng_request_try(asked);
    Py_XDECREF(asked);
    return result;
}

int sip_media_request(PyObject *media, const struct sip_buffer *data, PyObject *answered) {
    static struct sip_py_word word_request = {"request", NULL};
    if (sip_py_is_a(media, &sip_media_client_type))
        return ask((MediaClientObject *)media, (struct sip_slice){data->at, data->size}, answered);
    PyObject *bytes = PyBytes_FromStringAndSize(data->at, (Py_ssize_t)data->size);
    int result = bytes ? sip_py_do(media, &word_request, bytes, answered) : -1;
    Py_XDECREF(bytes);
    return result;
}

static PyObject *client_request(MediaClientObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyBytes_Check(args[0])) return PyErr_Format(PyExc_TypeError, "bytes and a callable expected");
    struct sip_slice data = {PyBytes_AS_STRING(args[0]), (size_t)PyBytes_GET_SIZE(args[0])};
    return sip_py_none(ask(self, data, args[1]));
}

/* --- replies --- */

/* It waits no longer. */
static int settle(MediaClientObject *self, NgRequestObject *request) {
    Py_INCREF(request);
    sip_ng_request_stop(request);
    int result = PyDict_DelItem(self->pending, request->cookie);
    Py_DECREF(request);
    return result;
}

static PyObject *client_settle(MediaClientObject *self, PyObject *cookie) {
    NgRequestObject *request = (NgRequestObject *)PyDict_GetItemWithError(self->pending, cookie);
    if (!request) return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    PyObject *answered = Py_NewRef(request->answered);
    if (settle(self, request) < 0) Py_CLEAR(answered);
    return answered;
}

/* Whether it was a plain assent to a body, and the message has gone on: 1 or 0, -1. */
static int pass_on(MediaClientObject *self, PyObject *cookie, struct sip_slice data) {
    struct sip_slice sdp;
    NgRequestObject *request = (NgRequestObject *)PyDict_GetItemWithError(self->pending, cookie);
    if (!request) return PyErr_Occurred() ? -1 : 0;
    if (!Py_IS_TYPE(request->answered, &sip_passing_body_type)) return 0;
    PassingBodyObject *body = (PassingBodyObject *)request->answered;
    if (body->insists || !sip_ng_grants(data, &sdp)) return 0;
    Py_INCREF(body);
    int result = settle(self, request) < 0 || sip_body_arrived(body, sdp) < 0 ? -1 : 1;
    Py_DECREF(body);
    return result;
}

static PyObject *client_received(MediaClientObject *self, PyObject *packet) {
    static struct sip_py_word look_at = {"look_at", NULL};
    if (!PyBytes_Check(packet)) return PyErr_Format(PyExc_TypeError, "bytes expected");
    const char *start = PyBytes_AS_STRING(packet), *end = start + PyBytes_GET_SIZE(packet);
    const char *space = memchr(start, ' ', (size_t)(end - start));
    PyObject *cookie = PyBytes_FromStringAndSize(start, (space ? space : end) - start);
    if (!cookie) return NULL;
    struct sip_slice data = space ? sip_slice_of(space + 1, end) : (struct sip_slice){end, 0};
    int passed = pass_on(self, cookie, data);
    PyObject *rest = passed ? NULL : PyBytes_FromStringAndSize(data.at, (Py_ssize_t)data.size);
    if (rest) passed = sip_py_do((PyObject *)self, &look_at, cookie, rest);
    else if (!passed) passed = -1;
    Py_XDECREF(rest);
    Py_DECREF(cookie);
    return sip_py_none(passed);
}

/* --- the type --- */

static PyObject *client_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    MediaClientObject *self = (MediaClientObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    self->link = Py_NewRef(Py_None);
    self->timers = Py_NewRef(Py_None);
    self->counters = Py_NewRef(Py_None);
    self->instance = PyBytes_FromStringAndSize(NULL, 0);
    self->pending = PyDict_New();
    if (!self->instance || !self->pending) Py_CLEAR(self);
    return (PyObject *)self;
}

static int client_init(MediaClientObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"link", "instance", "timers", "counters", "answer_s", "attempts", "most", NULL};
    PyObject *link, *instance, *timers, *counters;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OSO!Odii:MediaClient", keywords, &link, &instance, &sip_timers_type, &timers, &counters,
                                     &self->answer_s, &self->attempts, &self->most))
        return -1;
    Py_SETREF(self->link, Py_NewRef(link));
    Py_SETREF(self->instance, Py_NewRef(instance));
    Py_SETREF(self->timers, Py_NewRef(timers));
    Py_SETREF(self->counters, Py_NewRef(counters));
    return 0;
}

static int client_traverse(MediaClientObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->link);
    Py_VISIT(self->timers);
    Py_VISIT(self->counters);
    return 0;
}

/* The requests are told that nobody waits for them any more. */
static void forget_all(MediaClientObject *self) {
    PyObject *request;
    Py_ssize_t position = 0;
    while (self->pending && PyDict_Next(self->pending, &position, NULL, &request)) {
        ((NgRequestObject *)request)->client = NULL;
        sip_ng_request_stop((NgRequestObject *)request);
    }
    Py_CLEAR(self->pending);
}

static int client_clear(MediaClientObject *self) {
    Py_SETREF(self->link, Py_NewRef(Py_None));
    return 0;
}

static void client_dealloc(MediaClientObject *self) {
    PyObject_GC_UnTrack(self);
    forget_all(self);
    Py_XDECREF(self->link);
    Py_XDECREF(self->instance);
    Py_XDECREF(self->timers);
    Py_XDECREF(self->counters);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef client_methods[] = {
    {"request", FUNCTION(client_request), METH_FASTCALL, NULL},
    {"received", (PyCFunction)client_received, METH_O, NULL},
    {"settle", (PyCFunction)client_settle, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef client_members[] = {
    {"_link", T_OBJECT_EX, offsetof(MediaClientObject, link), READONLY, NULL},
    {"_counters", T_OBJECT_EX, offsetof(MediaClientObject, counters), READONLY, NULL},
    {"_pending", T_OBJECT_EX, offsetof(MediaClientObject, pending), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_media_client_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.MediaClientBase",
    .tp_basicsize = sizeof(MediaClientObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = client_new,
    .tp_init = (initproc)client_init,
    .tp_traverse = (traverseproc)client_traverse,
    .tp_clear = (inquiry)client_clear,
    .tp_dealloc = (destructor)client_dealloc,
    .tp_methods = client_methods,
    .tp_members = client_members,
};
