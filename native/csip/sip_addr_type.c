/* native.sip.NameAddr */
#include "sip_py.h"
#include "structmember.h"

typedef struct {
    PyObject_HEAD
    PyObject *text;
    PyObject *holder; /* bytes of a text that is not ASCII */
    PyObject *display, *uri, *params, *tag;
    enum sip_name header;
    struct sip_addr addr;
} AddrObject;

/* Steals `text`. */
static PyObject *addr_from_str(PyObject *text, enum sip_name header) {
    struct sip_py_view view = {.holder = NULL};
    AddrObject *self = NULL;
    if (!text || sip_py_view(text, &view) < 0) goto fail;
    self = PyObject_New(AddrObject, &sip_addr_type);
    if (!self) goto fail;
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    self->text = text;
    self->holder = view.holder;
    self->header = header;
    enum sip_error error = sip_check_addr(header == SIP_OTHER ? SIP_CONTACT : header, view.text, &self->addr);
    if (error == SIP_OK) return (PyObject *)self;
    sip_py_fault((struct sip_fault){error, header}, "address");
    Py_DECREF(self);
    return NULL;
fail:
    Py_XDECREF(view.holder);
    Py_XDECREF(text);
    return NULL;
}

PyObject *sip_addr_object(struct sip_slice text, enum sip_name header) { return addr_from_str(sip_py_str(text), header); }

static PyObject *addr_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"text", NULL};
    PyObject *text;
    (void)type;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:NameAddr", keywords, &text)) return NULL;
    return addr_from_str(Py_NewRef(text), SIP_OTHER);
}

static void addr_dealloc(AddrObject *self) {
    Py_XDECREF(self->text);
    Py_XDECREF(self->holder);
    Py_XDECREF(self->display);
    Py_XDECREF(self->uri);
    Py_XDECREF(self->params);
    Py_XDECREF(self->tag);
    PyObject_Free(self);
}

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

static PyObject *addr_str(AddrObject *self) { return Py_NewRef(self->text); }

static PyObject *addr_repr(AddrObject *self) { return PyUnicode_FromFormat("NameAddr(%R)", self->text); }

static PyMemberDef addr_members[] = {
    {"text", T_OBJECT_EX, offsetof(AddrObject, text), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

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
    .tp_str = (reprfunc)addr_str,
    .tp_repr = (reprfunc)addr_repr,
    .tp_members = addr_members,
    .tp_getset = addr_getset,
};
