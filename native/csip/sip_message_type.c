/* native.sip.Message: life, copies, and which cached value depends on which header. */
#include "sip_message_type.h"
#include "structmember.h"

/* Messages come and go, a few at a time: what one was made of serves the next. */
#ifdef __SANITIZE_ADDRESS__
#define SPARES 0 /* so that whoever looks at one that is gone is found */
#else
#define SPARES 16
#endif
static MessageObject *spares[SPARES + 1];
static int spare_count;

static MessageObject *message_alloc(PyObject *raw) {
    MessageObject *self = spare_count ? spares[--spare_count] : PyObject_Malloc(sizeof *self);
    if (!self) return (MessageObject *)PyErr_NoMemory();
    PyObject_Init((PyObject *)self, &sip_message_type);
    memset((char *)self + sizeof(PyObject), 0, offsetof(MessageObject, core) - sizeof(PyObject));
    sip_message_clear(&self->core);
    self->raw = Py_NewRef(raw);
    return self;
}

/* A response's method is its CSeq's; "" when that can't be read. */
static PyObject *read_method(const struct sip_message *core) {
    struct sip_scratch scratch;
    struct sip_slice method = {core->raw + core->start_at, core->method_size};
    uint32_t number;
    if (method.size) return sip_py_method(method);
    if (sip_read_cseq(core, &scratch, &number, &method).error != SIP_OK) return PyUnicode_FromString("");
    return sip_py_method(method);
}

static int scan(MessageObject *self) {
    struct sip_fault fault = sip_message_scan(&self->core, PyBytes_AS_STRING(self->raw), (size_t)PyBytes_GET_SIZE(self->raw));
    return fault.error == SIP_OK ? 0 : sip_py_done(sip_py_fault(fault, NULL));
}

static int end_lines_with_crlf(MessageObject *self) {
    PyObject *raw = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)sip_with_crlf_size(&self->core));
    if (!raw) return -1;
    sip_with_crlf(&self->core, PyBytes_AS_STRING(raw));
    sip_message_free(&self->core);
    Py_SETREF(self->raw, raw);
    return scan(self);
}

PyObject *sip_message_object(PyObject *raw) {
    if (!raw) return NULL;
    MessageObject *self = message_alloc(raw);
    Py_DECREF(raw);
    int result = self ? scan(self) : -1;
    if (result == 0 && self->core.bare_lf) result = end_lines_with_crlf(self);
    if (result == 0 && (self->method = read_method(&self->core))) return (PyObject *)self;
    Py_XDECREF(self);
    return NULL;
}

static PyObject *message_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"data", NULL};
    PyObject *raw;
    (void)type;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "S:Message", keywords, &raw)) return NULL;
    return sip_message_object(Py_NewRef(raw));
}

/* The usual call, without a tuple for its arguments. */
static PyObject *message_vectorcall(PyObject *type, PyObject *const *args, size_t flags, PyObject *names) {
    (void)type;
    if (PyVectorcall_NARGS(flags) == 1 && !names && PyBytes_Check(args[0])) return sip_message_object(Py_NewRef(args[0]));
    PyObject *tuple = PyTuple_New(PyVectorcall_NARGS(flags)), *kwargs = NULL, *result = NULL;
    if (!tuple) return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    if (names && !(kwargs = PyDict_New())) goto done;
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++)
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(names, i), args[PyTuple_GET_SIZE(tuple) + i]) < 0) goto done;
    result = message_new(&sip_message_type, tuple, kwargs);
done:
    Py_DECREF(tuple);
    Py_XDECREF(kwargs);
    return result;
}

static void message_dealloc(MessageObject *self) {
    sip_message_free(&self->core);
    Py_XDECREF(self->raw);
    Py_XDECREF(self->method);
    Py_XDECREF(self->body);
    for (int i = 0; i < CACHE_COUNT; i++) Py_XDECREF(self->cache[i]);
    if (spare_count < SPARES)
        spares[spare_count++] = self;
    else
        PyObject_Free(self);
}

PyObject *sip_message_received(PyObject *data, PyObject *source) {
    struct sip_py_view host;
    if (!PyBytes_Check(data) || !PyTuple_Check(source) || PyTuple_GET_SIZE(source) != 2)
        return PyErr_Format(PyExc_TypeError, "received(data, (host, port))");
    long port = PyLong_AsLong(PyTuple_GET_ITEM(source, 1));
    if (port == -1 && PyErr_Occurred()) return NULL;
    if (port < 0 || port > 65535) return PyErr_Format(PyExc_ValueError, "port out of range");
    MessageObject *self = (MessageObject *)sip_message_object(Py_NewRef(data));
    if (!self) return NULL;
    bool request = !self->core.status;
    struct sip_fault fault = {SIP_OK, SIP_OTHER};
    if (request && sip_py_line_view(PyTuple_GET_ITEM(source, 0), "host", &host) < 0) goto failed;
    if (request) {
        fault = sip_stamp_source(&self->core, host.text, (uint16_t)port);
        Py_XDECREF(host.holder);
    }
    if (fault.error != SIP_OK) {
        sip_py_fault(fault, NULL);
        goto failed;
    }
    PyObject *key = request ? sip_message_server_key(self) : sip_message_client_key(self);
    if (!key) goto failed;
    Py_DECREF(key);
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static PyObject *message_received(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    (void)unused;
    return sip_message_received(count == 2 ? args[0] : Py_None, count == 2 ? args[1] : Py_None);
}

static PyObject *message_salvage(PyObject *unused, PyObject *raw) {
    static const enum sip_name needed[] = {SIP_VIA, SIP_FROM, SIP_TO, SIP_CALL_ID, SIP_CSEQ};
    (void)unused;
    if (!PyBytes_Check(raw)) return PyErr_Format(PyExc_TypeError, "bytes expected, not %.100s", Py_TYPE(raw)->tp_name);
    MessageObject *self = message_alloc(raw);
    if (!self) return NULL;
    enum sip_error error = sip_message_salvage(&self->core, PyBytes_AS_STRING(raw), (size_t)PyBytes_GET_SIZE(raw));
    if (error == SIP_NO_MEMORY) PyErr_NoMemory();
    bool enough = error == SIP_OK;
    for (size_t i = 0; enough && i < sizeof needed / sizeof *needed; i++) enough = sip_has_line(&self->core, needed[i]);
    if (enough && (self->method = read_method(&self->core))) return (PyObject *)self;
    Py_DECREF(self);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

MessageObject *sip_message_twin(MessageObject *self) {
    MessageObject *twin = message_alloc(self->raw);
    if (!twin) return NULL;
    twin->method = Py_NewRef(self->method);
    twin->body = Py_XNewRef(self->body);
    for (int i = 0; i < CACHE_COUNT; i++) twin->cache[i] = Py_XNewRef(self->cache[i]);
    return twin;
}

static PyObject *message_copy(MessageObject *self, PyObject *unused) {
    (void)unused;
    MessageObject *copy = sip_message_twin(self);
    if (!copy || sip_message_copy(&copy->core, &self->core) == SIP_OK) return (PyObject *)copy;
    Py_DECREF(copy);
    return PyErr_NoMemory();
}

static enum sip_cache cache_of(enum sip_name id) {
    switch ((int)id) {
    case SIP_VIA: return CACHE_VIA;
    case SIP_FROM: return CACHE_FROM;
    case SIP_TO: return CACHE_TO;
    case SIP_CALL_ID: return CACHE_CALL_ID;
    case SIP_CSEQ: return CACHE_CSEQ_METHOD;
    case SIP_CONTENT_TYPE: return CACHE_CONTENT_TYPE;
    case SIP_ROUTE: return CACHE_ROUTES;
    case SIP_RECORD_ROUTE: return CACHE_RECORD_ROUTES;
    case SIP_CONTACT: return CACHE_CONTACTS;
    case SIP_PATH: return CACHE_PATHS;
    case SIP_REQUEST_URI: return CACHE_REQUEST_URI;
    default: return CACHE_WIRE;
    }
}

int sip_message_changed(MessageObject *self, enum sip_name id) {
    Py_CLEAR(self->cache[CACHE_WIRE]);
    Py_CLEAR(self->cache[CACHE_WIRE_STREAM]);
    Py_CLEAR(self->cache[CACHE_SERVER_KEY]);
    Py_CLEAR(self->cache[CACHE_CLIENT_KEY]);
    Py_CLEAR(self->cache[CACHE_IDENTITY]);
    Py_CLEAR(self->cache[cache_of(id)]);
    if (id == SIP_REQUEST_URI) Py_CLEAR(self->cache[CACHE_REQUEST_URI_TEXT]);
    if (id != SIP_CSEQ || !self->core.status) return 0;
    PyObject *method = read_method(&self->core);
    if (!method) return -1;
    Py_SETREF(self->method, method);
    return 0;
}

static PyObject *message_repr(MessageObject *self) {
    if (self->core.status) return PyUnicode_FromFormat("<Message %d to %U>", self->core.status, self->method);
    return PyUnicode_FromFormat("<Message %U>", self->method);
}

static PyMethodDef methods[] = {
    {"request", FUNCTION(sip_message_request), METH_VARARGS | METH_KEYWORDS | METH_STATIC, NULL},
    {"received", FUNCTION(message_received), METH_FASTCALL | METH_STATIC, NULL},
    {"salvage", message_salvage, METH_O | METH_STATIC, NULL},
    {"copy", FUNCTION(message_copy), METH_NOARGS, NULL},
    {"get", FUNCTION(sip_message_get), METH_O, NULL},
    {"get_all", FUNCTION(sip_message_get_all), METH_O, NULL},
    {"values", FUNCTION(sip_message_values), METH_O, NULL},
    {"has", FUNCTION(sip_message_has), METH_FASTCALL, NULL},
    {"header_names", FUNCTION(sip_message_header_names), METH_NOARGS, NULL},
    {"check", FUNCTION(sip_message_check), METH_NOARGS, NULL},
    {"push_via", FUNCTION(sip_message_push_via), METH_O, NULL},
    {"pop_via", FUNCTION(sip_message_pop_via), METH_NOARGS, NULL},
    {"stamp_source", FUNCTION(sip_message_stamp_source), METH_FASTCALL, NULL},
    {"push_route", FUNCTION(sip_message_push_route), METH_O, NULL},
    {"pop_route", FUNCTION(sip_message_pop_route), METH_NOARGS, NULL},
    {"pop_last_route", FUNCTION(sip_message_pop_last_route), METH_NOARGS, NULL},
    {"append_route", FUNCTION(sip_message_append_route), METH_O, NULL},
    {"push_record_route", FUNCTION(sip_message_push_record_route), METH_O, NULL},
    {"push", FUNCTION(sip_message_push), METH_FASTCALL, NULL},
    {"append", FUNCTION(sip_message_append), METH_FASTCALL, NULL},
    {"set", FUNCTION(sip_message_set), METH_FASTCALL, NULL},
    {"remove", FUNCTION(sip_message_remove), METH_O, NULL},
    {"set_request_uri", FUNCTION(sip_message_set_request_uri), METH_O, NULL},
    {"count_hop", FUNCTION(sip_message_count_hop), METH_FASTCALL, NULL},
    {"forwarded", FUNCTION(sip_message_forwarded), METH_FASTCALL, NULL},
    {"sender_natted", FUNCTION(sip_message_sender_natted), METH_FASTCALL, NULL},
    {"route_param", FUNCTION(sip_message_route_param), METH_O, NULL},
    {"set_body", FUNCTION(sip_message_set_body), METH_VARARGS | METH_KEYWORDS, NULL},
    {"to_bytes", FUNCTION(sip_message_to_bytes), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"reply", FUNCTION(sip_message_reply), METH_VARARGS | METH_KEYWORDS, NULL},
    {"answer", FUNCTION(sip_message_answer), METH_FASTCALL, NULL},
    {"trying", FUNCTION(sip_message_trying), METH_NOARGS, NULL},
    {"derive", FUNCTION(sip_message_derive), METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"method", T_OBJECT_EX, offsetof(MessageObject, method), READONLY, NULL},
    {"raw", T_OBJECT_EX, offsetof(MessageObject, raw), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_message_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Message",
    .tp_basicsize = sizeof(MessageObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = message_new,
    .tp_vectorcall = message_vectorcall,
    .tp_dealloc = (destructor)message_dealloc,
    .tp_repr = (reprfunc)message_repr,
    .tp_members = members,
    .tp_getset = sip_message_getset,
    .tp_methods = methods,
};
