/* native.sip.NameAddr */
#include "sip_parsed_type.h"

typedef struct {
    SIP_PARSED_HEAD
    PyObject *display, *uri, *params, *tag;
    enum sip_name header;
    struct sip_addr addr;
} AddrObject;

/* Steals `text`. */
static PyObject *addr_from_str(PyObject *text, enum sip_name header) {
    struct sip_slice view;
    AddrObject *self = sip_parsed_from(&sip_addr_type, text, &view);
    if (!self) return NULL;
    self->header = header;
    enum sip_error error = sip_check_addr(header == SIP_OTHER ? SIP_CONTACT : header, view, &self->addr);
    return sip_parsed_or_fault(self, error, header, "address");
}

PyObject *sip_addr_object(struct sip_slice text, enum sip_name header) { return addr_from_str(sip_py_str(text), header); }

static PyObject *addr_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)type;
    return addr_from_str(sip_parsed_argument(args, kwargs, "U:NameAddr"), SIP_OTHER);
}

static void addr_dealloc(AddrObject *self) { sip_parsed_free(self, SIP_PARSED_MADE(AddrObject, display, header)); }

static PyObject *addr_display(AddrObject *self, void *unused) {
    (void)unused;
    struct sip_slice display = self->addr.display;
    return SIP_PY_CACHED(self->display, display.at ? sip_py_unquoted(display) : Py_NewRef(Py_None));
}

static PyObject *addr_uri(AddrObject *self, void *unused) {
    (void)unused;
    if (self->addr.is_star) return sip_py_fault((struct sip_fault){SIP_BAD_SCHEME, self->header}, "address");
    return SIP_PY_CACHED(self->uri, sip_uri_object(self->addr.uri.text, self->header));
}

static PyObject *addr_params(AddrObject *self, void *unused) {
    (void)unused;
    if (!self->params && !(self->params = sip_py_header_params(self->addr.params))) return NULL;
    return PyDict_Copy(self->params);
}

static PyObject *addr_tag(AddrObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->tag, sip_py_str_or_none(self->addr.tag));
}

static PyObject *addr_is_star(AddrObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->addr.is_star);
}

static PyGetSetDef addr_getset[] = {
    {"display", (getter)addr_display, NULL, NULL, NULL},
    {"uri", (getter)addr_uri, NULL, NULL, NULL},
    {"params", (getter)addr_params, NULL, NULL, NULL},
    {"tag", (getter)addr_tag, NULL, NULL, NULL},
    {"is_star", (getter)addr_is_star, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_addr_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.NameAddr",
    .tp_basicsize = sizeof(AddrObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = addr_new,
    .tp_dealloc = (destructor)addr_dealloc,
    .tp_str = sip_parsed_str,
    .tp_repr = sip_parsed_repr,
    .tp_members = sip_parsed_members,
    .tp_getset = addr_getset,
};
