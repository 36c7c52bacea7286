/* native.sip.Mac: a key, kept; see sip_mac.h. */
#include "sip_mac.h"
#include "sip_py.h"

typedef struct {
    PyObject_HEAD
    uint8_t key[SIP_MAC_KEY_BYTES];
} MacObject;

static PyObject *mac_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"key", NULL};
    const char *key;
    Py_ssize_t size;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y#:Mac", keywords, &key, &size)) return NULL;
    if (size != SIP_MAC_KEY_BYTES) return PyErr_Format(PyExc_ValueError, "a key has %d bytes", SIP_MAC_KEY_BYTES);
    MacObject *self = (MacObject *)type->tp_alloc(type, 0);
    if (self) memcpy(self->key, key, SIP_MAC_KEY_BYTES);
    return (PyObject *)self;
}

static int compute(MacObject *self, PyObject *text, char out[SIP_MAC_TEXT_SIZE]) {
    struct sip_py_view view;
    if (sip_py_view(text, &view) < 0) return -1;
    sip_mac_text(self->key, view.text, out);
    Py_XDECREF(view.holder);
    return 0;
}

const uint8_t *sip_mac_key(PyObject *mac) {
    if (Py_IS_TYPE(mac, &sip_mac_type)) return ((MacObject *)mac)->key;
    PyErr_Format(PyExc_TypeError, "Mac expected, not %.100s", Py_TYPE(mac)->tp_name);
    return NULL;
}

static PyObject *mac_of(MacObject *self, PyObject *text) {
    char mac[SIP_MAC_TEXT_SIZE];
    return compute(self, text, mac) < 0 ? NULL : PyUnicode_FromStringAndSize(mac, SIP_MAC_TEXT_SIZE);
}

static PyObject *mac_matches(MacObject *self, PyObject *const *args, Py_ssize_t count) {
    char mac[SIP_MAC_TEXT_SIZE];
    struct sip_py_view given;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "text and mac expected");
    if (compute(self, args[0], mac) < 0 || sip_py_view(args[1], &given) < 0) return NULL;
    bool same = given.text.size == SIP_MAC_TEXT_SIZE && sip_mac_same(mac, given.text.at);
    Py_XDECREF(given.holder);
    return PyBool_FromLong(same);
}

/* The views of `count` strings; all are released when one is no str. */
static int view_all(PyObject *const *args, struct sip_py_view *views, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        if (sip_py_view(args[i], &views[i]) == 0) continue;
        while (i--) Py_XDECREF(views[i].holder);
        return -1;
    }
    return 0;
}

static void release_all(struct sip_py_view *views, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) Py_XDECREF(views[i].holder);
}

static PyObject *mac_branch(MacObject *self, PyObject *const *args, Py_ssize_t count) {
    enum { PREFIX, KEY_ID, CALL_ID, IDENTITY, TARGET, LOOP, TEXTS };
    struct sip_py_view views[TEXTS];
    SIP_STACK_BUFFER(out);
    if (count != TEXTS + 1) return PyErr_Format(PyExc_TypeError, "prefix, key id, Call-ID, identity, target, loop, attempt expected");
    unsigned long attempt = PyLong_AsUnsignedLong(args[TEXTS]);
    if (PyErr_Occurred() || view_all(args, views, TEXTS) < 0) return NULL;
    sip_add_branch(&out, self->key, &(struct sip_branch){
        .prefix = views[PREFIX].text,
        .key_id = views[KEY_ID].text,
        .call_id = views[CALL_ID].text,
        .identity = views[IDENTITY].text,
        .target = views[TARGET].text,
        .attempt = (uint32_t)attempt,
        .loop = views[LOOP].text,
    });
    PyObject *branch = sip_py_written(&out);
    release_all(views, TEXTS);
    sip_buffer_free(&out);
    return branch;
}

static PyMethodDef methods[] = {
    {"of", (PyCFunction)mac_of, METH_O, NULL},
    {"matches", FUNCTION(mac_matches), METH_FASTCALL, NULL},
    {"branch", FUNCTION(mac_branch), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_mac_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Mac",
    .tp_basicsize = sizeof(MacObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = mac_new,
    .tp_methods = methods,
};
