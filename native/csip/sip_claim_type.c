/* native.sip.DigestClaim: see sip_claim.h. */
#include "sip_claim.h"
#include "sip_py.h"

typedef struct {
    PyObject_HEAD
    char *text; /* the fields lie in it */
    struct sip_claim claim;
} ClaimObject;

static PyObject *refuse(enum sip_error error) {
    return sip_py_fault((struct sip_fault){error, SIP_OTHER}, "digest parameter");
}

static void claim_dealloc(ClaimObject *self) {
    PyMem_Free(self->text);
    PyObject_Free(self);
}

static PyObject *claim_of(struct sip_slice params) {
    ClaimObject *self = PyObject_New(ClaimObject, &sip_claim_type);
    if (!self) return NULL;
    self->text = PyMem_Malloc(params.size + 1);
    if (!self->text) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    memcpy(self->text, params.at, params.size);
    enum sip_error error = sip_claim_read(self->text, params.size, &self->claim);
    if (error == SIP_OK) return (PyObject *)self;
    Py_DECREF(self);
    return refuse(error);
}

static PyObject *claim_read(PyObject *unused, PyObject *value) {
    struct sip_py_view view;
    struct sip_slice params;
    (void)unused;
    if (sip_py_view(value, &view) < 0) return NULL;
    PyObject *result = sip_digest_scheme(view.text, &params) ? claim_of(params) : Py_NewRef(Py_None);
    Py_XDECREF(view.holder);
    return result;
}

static PyObject *claim_field(ClaimObject *self, void *field) {
    return sip_py_str_or_none(self->claim.fields[(size_t)field]);
}

static PyObject *claim_algorithm(ClaimObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(sip_claim_hash_name(sip_claim_hash(&self->claim)));
}

static PyObject *claim_use_count(ClaimObject *self, void *unused) {
    (void)unused;
    return PyLong_FromUnsignedLong(sip_claim_use_count(&self->claim));
}

static PyObject *claim_count(ClaimObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(self->claim.count);
}

static PyObject *claim_fault(ClaimObject *self, void *unused) {
    const char *fault = sip_claim_fault(&self->claim);
    (void)unused;
    if (!fault) Py_RETURN_NONE;
    return PyUnicode_FromString(fault);
}

static PyObject *claim_matches(ClaimObject *self, PyObject *const *args, Py_ssize_t count) {
    struct sip_py_view ha1, method;
    if (count != 3 || !PyBytes_Check(args[2])) return PyErr_Format(PyExc_TypeError, "HA1, method and body of bytes expected");
    if (sip_py_view(args[0], &ha1) < 0) return NULL;
    int result = sip_py_view(args[1], &method);
    if (result == 0) {
        struct sip_slice body = {PyBytes_AS_STRING(args[2]), (size_t)PyBytes_GET_SIZE(args[2])};
        result = sip_claim_matches(&self->claim, ha1.text, method.text, body);
        if (result < 0) PyErr_SetString(PyExc_MemoryError, "the digest can't be computed");
        Py_XDECREF(method.holder);
    }
    Py_XDECREF(ha1.holder);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"read", claim_read, METH_O | METH_STATIC, NULL},
    {"matches", FUNCTION(claim_matches), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

#define FIELD(name, id) {name, (getter)claim_field, NULL, NULL, (void *)(size_t)(id)}
static PyGetSetDef getset[] = {
    FIELD("username", SIP_CLAIM_USERNAME),
    FIELD("realm", SIP_CLAIM_REALM),
    FIELD("nonce", SIP_CLAIM_NONCE),
    {"algorithm", (getter)claim_algorithm, NULL, NULL, NULL},
    {"use_count", (getter)claim_use_count, NULL, NULL, NULL},
    {"count", (getter)claim_count, NULL, NULL, NULL},
    {"fault", (getter)claim_fault, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_claim_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.DigestClaim",
    .tp_basicsize = sizeof(ClaimObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)claim_dealloc,
    .tp_methods = methods,
    .tp_getset = getset,
};
