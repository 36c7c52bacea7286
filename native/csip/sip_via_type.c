/* native.sip.Via */
#include "sip_py.h"
#include "structmember.h"

typedef struct {
    PyObject_HEAD
    PyObject *text;
    PyObject *holder; /* bytes of a text that is not ASCII */
    PyObject *transport, *host, *sent_by, *branch, *params;
    struct sip_via via;
} ViaObject;

/* Steals `text`. */
static PyObject *via_from_str(PyObject *text) {
    struct sip_py_view view = {.holder = NULL};
    ViaObject *self = NULL;
    if (!text || sip_py_view(text, &view) < 0) goto fail;
    self = PyObject_New(ViaObject, &sip_via_type);
    if (!self) goto fail;
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    self->text = text;
    self->holder = view.holder;
    enum sip_error error = sip_via_parse(view.text, &self->via);
    if (error == SIP_OK) return (PyObject *)self;
    sip_py_fault((struct sip_fault){error, SIP_VIA}, NULL);
    Py_DECREF(self);
    return NULL;
fail:
    Py_XDECREF(view.holder);
    Py_XDECREF(text);
    return NULL;
}

PyObject *sip_via_object(struct sip_slice text) { return via_from_str(sip_py_str(text)); }

static PyObject *via_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"text", NULL};
    PyObject *text;
    (void)type;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:Via", keywords, &text)) return NULL;
    return via_from_str(Py_NewRef(text));
}

static void via_dealloc(ViaObject *self) {
    Py_XDECREF(self->text);
    Py_XDECREF(self->holder);
    Py_XDECREF(self->transport);
    Py_XDECREF(self->host);
    Py_XDECREF(self->sent_by);
    Py_XDECREF(self->branch);
    Py_XDECREF(self->params);
    PyObject_Free(self);
}

static PyObject *number_or_none(int32_t number) {
    if (number < 0) Py_RETURN_NONE;
    return PyLong_FromLong(number);
}

static PyObject *via_version(ViaObject *self, void *unused) {
    (void)unused;
    return sip_py_str(self->via.version);
}

static PyObject *via_transport(ViaObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->transport, sip_py_upper(self->via.transport));
}

static PyObject *via_host(ViaObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->host, sip_py_host(self->via.host));
}

static PyObject *via_sent_by(ViaObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->sent_by, sip_py_lower(self->via.sent_by));
}

static PyObject *via_branch(ViaObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->branch, sip_py_str_or_none(self->via.branch));
}

static PyObject *via_port(ViaObject *self, void *unused) {
    (void)unused;
    return number_or_none(self->via.port);
}

static PyObject *via_rport(ViaObject *self, void *unused) {
    (void)unused;
    return number_or_none(self->via.rport_number);
}

static PyObject *via_has_rport(ViaObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->via.rport.at != NULL);
}

static PyObject *via_received(ViaObject *self, void *unused) {
    (void)unused;
    return sip_py_str_or_none(self->via.received);
}

static PyObject *via_maddr(ViaObject *self, void *unused) {
    (void)unused;
    return sip_py_str_or_none(self->via.maddr);
}

static PyObject *via_params(ViaObject *self, void *unused) {
    (void)unused;
    if (!self->params && !(self->params = sip_py_header_params(self->via.params))) return NULL;
    return PyDict_Copy(self->params);
}

static PyObject *via_str(ViaObject *self) { return Py_NewRef(self->text); }

static PyObject *via_repr(ViaObject *self) { return PyUnicode_FromFormat("Via(%R)", self->text); }

static PyMemberDef via_members[] = {
    {"text", T_OBJECT_EX, offsetof(ViaObject, text), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef via_getset[] = {
    {"version", (getter)via_version, NULL, NULL, NULL},
    {"transport", (getter)via_transport, NULL, NULL, NULL},
    {"host", (getter)via_host, NULL, NULL, NULL},
    {"port", (getter)via_port, NULL, NULL, NULL},
    {"sent_by", (getter)via_sent_by, NULL, NULL, NULL},
    {"branch", (getter)via_branch, NULL, NULL, NULL},
    {"has_rport", (getter)via_has_rport, NULL, NULL, NULL},
    {"rport", (getter)via_rport, NULL, NULL, NULL},
    {"received", (getter)via_received, NULL, NULL, NULL},
    {"maddr", (getter)via_maddr, NULL, NULL, NULL},
    {"params", (getter)via_params, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_via_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Via",
    .tp_basicsize = sizeof(ViaObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = via_new,
    .tp_dealloc = (destructor)via_dealloc,
    .tp_str = (reprfunc)via_str,
    .tp_repr = (reprfunc)via_repr,
    .tp_members = via_members,
    .tp_getset = via_getset,
};
