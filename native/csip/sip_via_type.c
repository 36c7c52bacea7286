/* native.sip.Via */
#include "sip_parsed_type.h"

typedef struct {
    SIP_PARSED_HEAD
    PyObject *transport, *host, *sent_by, *branch, *params;
    struct sip_via via;
} ViaObject;

/* Steals `text`. */
static PyObject *via_from_str(PyObject *text) {
    struct sip_slice view;
    ViaObject *self = sip_parsed_from(&sip_via_type, text, &view);
    return self ? sip_parsed_or_fault(self, sip_via_parse(view, &self->via), SIP_VIA, NULL) : NULL;
}

PyObject *sip_via_object(struct sip_slice text) { return via_from_str(sip_py_str(text)); }

static PyObject *via_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)type;
    return via_from_str(sip_parsed_argument(args, kwargs, "U:Via"));
}

static void via_dealloc(ViaObject *self) { sip_parsed_free(self, SIP_PARSED_MADE(ViaObject, transport, via)); }

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
    return sip_parsed_number(self->via.port);
}

static PyObject *via_rport(ViaObject *self, void *unused) {
    (void)unused;
    return sip_parsed_number(self->via.rport_number);
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
    .tp_str = sip_parsed_str,
    .tp_repr = sip_parsed_repr,
    .tp_members = sip_parsed_members,
    .tp_getset = via_getset,
};
