/* Uris made of others and of parts. */
#include "sip_chars.h"
#include "sip_uri_type.h"

static bool is_named(struct sip_slice name, PyObject *names) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *one = PyTuple_GET_ITEM(names, i);
        struct sip_slice ascii = {(const char *)PyUnicode_1BYTE_DATA(one), (size_t)PyUnicode_GET_LENGTH(one)};
        if (sip_same_nocase(ascii, name)) return true;
    }
    return false;
}

PyObject *sip_uri_without_params(UriObject *self, PyObject *names) {
    struct sip_slice text = self->uri.text, rest = self->uri.params, before;
    struct sip_param param;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_Check(name) || !PyUnicode_IS_COMPACT_ASCII(name))
            return PyErr_Format(PyExc_TypeError, "parameter names are ASCII str");
    }
    if (rest.size == 0) return Py_NewRef(self);
    char *out = PyMem_Malloc(text.size);
    if (!out) return PyErr_NoMemory();
    size_t used = (size_t)(rest.at - text.at);
    memcpy(out, text.at, used);
    for (before = rest; sip_uri_param_next(&rest, &param); before = rest) {
        size_t size = before.size - rest.size;
        if (is_named(param.name, names)) continue;
        memcpy(out + used, before.at, size);
        used += size;
    }
    size_t tail = text.size - (size_t)(rest.at - text.at);
    memcpy(out + used, rest.at, tail);
    PyObject *uri = sip_uri_object((struct sip_slice){out, used + tail}, SIP_OTHER);
    PyMem_Free(out);
    return uri;
}

/* ";name" or ";name=value" for each; steals `text`. */
static PyObject *add_params(PyObject *text, PyObject *params) {
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (text && PyDict_Next(params, &at, &name, &value)) {
        PyObject *longer = value == Py_None ? PyUnicode_FromFormat("%U;%S", text, name)
                                            : PyUnicode_FromFormat("%U;%S=%S", text, name, value);
        Py_SETREF(text, longer);
    }
    return text;
}

PyObject *sip_uri_build(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"scheme", "user", "host", "port", "params", NULL};
    PyObject *scheme, *user, *host, *port = Py_None, *params = Py_None;
    (void)unused;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UOU|OO:build", keywords, &scheme, &user, &host, &port, &params))
        return NULL;
    if (params != Py_None && !PyDict_Check(params)) return PyErr_Format(PyExc_TypeError, "params is a dict or None");
    bool bare_ipv6 = PyUnicode_FindChar(host, ':', 0, PyUnicode_GET_LENGTH(host), 1) >= 0 && PyUnicode_ReadChar(host, 0) != '[';
    PyObject *text = user == Py_None ? PyUnicode_FromFormat("%U:", scheme) : PyUnicode_FromFormat("%U:%S@", scheme, user);
    if (text) Py_SETREF(text, PyUnicode_FromFormat(bare_ipv6 ? "%U[%U]" : "%U%U", text, host));
    if (text && port != Py_None) Py_SETREF(text, PyUnicode_FromFormat("%U:%S", text, port));
    if (text && params != Py_None) text = add_params(text, params);
    return text ? sip_uri_from_str(text, SIP_OTHER) : NULL;
}
