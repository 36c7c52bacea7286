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

static PyObject *mac_of(MacObject *self, PyObject *text) {
    char mac[SIP_MAC_TEXT_SIZE];
    return compute(self, text, mac) < 0 ? NULL : PyUnicode_FromStringAndSize(mac, SIP_MAC_TEXT_SIZE);
}

/* Every character is looked at, so the time taken says nothing of where the first difference is. */
static PyObject *mac_matches(MacObject *self, PyObject *const *args, Py_ssize_t count) {
    char mac[SIP_MAC_TEXT_SIZE];
    struct sip_py_view given;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "text and mac expected");
    if (compute(self, args[0], mac) < 0 || sip_py_view(args[1], &given) < 0) return NULL;
    bool right_size = given.text.size == SIP_MAC_TEXT_SIZE;
    int differences = 0;
    for (size_t i = 0; right_size && i < SIP_MAC_TEXT_SIZE; i++) differences |= mac[i] ^ given.text.at[i];
    Py_XDECREF(given.holder);
    return PyBool_FromLong(right_size && !differences);
}

static PyMethodDef methods[] = {
    {"of", (PyCFunction)mac_of, METH_O, NULL},
    {"matches", (PyCFunction)(void (*)(void))mac_matches, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_mac_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Mac",
    .tp_basicsize = sizeof(MacObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = mac_new,
    .tp_methods = methods,
};
