/* native.sip.Uri */
#include "sip_chars.h"
#include "sip_uri_type.h"

static struct sip_slice lr_name = SIP_TEXT("lr"), maddr_name = SIP_TEXT("maddr"), transport_name = SIP_TEXT("transport");

PyObject *sip_uri_from_str(PyObject *text, enum sip_name header) {
    struct sip_slice view;
    UriObject *self = sip_parsed_from(&sip_uri_type, text, &view);
    if (!self) return NULL;
    enum sip_error error = sip_uri_parse(view, &self->uri);
    if (error == SIP_OK && header == SIP_REQUEST_URI && self->uri.headers.at) error = SIP_BAD_URI_HEADERS;
    return sip_parsed_or_fault(self, error, header, "URI");
}

PyObject *sip_uri_made(struct sip_slice text, enum sip_name header) { return sip_uri_from_str(sip_py_str(text), header); }

static PyObject *uri_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)type;
    return sip_uri_from_str(sip_parsed_argument(args, kwargs, "U:Uri"), SIP_OTHER);
}

static void uri_dealloc(UriObject *self) { sip_parsed_free(self, SIP_PARSED_MADE(UriObject, scheme, uri)); }

static PyObject *uri_scheme(UriObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->scheme, sip_py_lower(self->uri.scheme));
}

static PyObject *uri_user(UriObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->user, sip_py_str_or_none(self->uri.user));
}

static PyObject *uri_host(UriObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->host, sip_py_host(self->uri.host));
}

static PyObject *unescaped(struct sip_slice user, struct sip_slice host, bool with_host) {
    size_t room = user.size + host.size + 1, used = 0;
    char *out = PyMem_Malloc(room);
    if (!out) return PyErr_NoMemory();
    if (user.at) used = sip_unescape(user, out);
    if (with_host && user.at && host.size) out[used++] = '@';
    if (with_host) used += sip_host_text(host, out + used);
    PyObject *str = sip_py_str((struct sip_slice){out, used});
    PyMem_Free(out);
    return str;
}

static PyObject *uri_user_unescaped(UriObject *self, void *unused) {
    struct sip_slice user = self->uri.user;
    if (!user.at || !memchr(user.at, '%', user.size)) return uri_user(self, unused);
    return unescaped(user, self->uri.host, false);
}

static PyObject *uri_aor(UriObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->aor, unescaped(self->uri.user, self->uri.host, true));
}

static PyObject *uri_password(UriObject *self, void *unused) {
    (void)unused;
    return sip_py_str_or_none(self->uri.password);
}

static PyObject *uri_headers(UriObject *self, void *unused) {
    (void)unused;
    return sip_py_str_or_none(self->uri.headers);
}

static PyObject *uri_port(UriObject *self, void *unused) {
    (void)unused;
    return sip_parsed_number(self->uri.port);
}

static PyObject *uri_host_is_ip(UriObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->uri.host_is_ip);
}

static PyObject *uri_params(UriObject *self, void *unused) {
    (void)unused;
    if (!self->params && !(self->params = sip_py_uri_params(self->uri.params))) return NULL;
    return PyDict_Copy(self->params);
}

static PyObject *param_lower(const struct sip_uri *uri, struct sip_slice name) {
    struct sip_param param;
    if (!sip_uri_param_find(uri->params, name, &param) || !param.value.at) Py_RETURN_NONE;
    if (!memchr(param.value.at, '%', param.value.size)) return sip_py_lower(param.value);
    char out[256];
    if (param.value.size > sizeof out) return sip_py_lower(param.value);
    return sip_py_lower((struct sip_slice){out, sip_unescape(param.value, out)});
}

PyObject *sip_uri_transport(const struct sip_uri *uri) { return param_lower(uri, transport_name); }

static PyObject *uri_transport(UriObject *self, void *unused) {
    (void)unused;
    return SIP_PY_CACHED(self->transport, sip_uri_transport(&self->uri));
}

const struct sip_uri *sip_uri_parsed(PyObject *uri) {
    if (Py_IS_TYPE(uri, &sip_uri_type)) return &((UriObject *)uri)->uri;
    PyErr_Format(PyExc_TypeError, "Uri expected, not %.100s", Py_TYPE(uri)->tp_name);
    return NULL;
}

PyObject *sip_uri_text(PyObject *uri) { return Py_NewRef(((UriObject *)uri)->text); }

static PyObject *uri_maddr(UriObject *self, void *unused) {
    (void)unused;
    return param_lower(&self->uri, maddr_name);
}

static PyObject *uri_lr(UriObject *self, void *unused) {
    (void)unused;
    struct sip_param param;
    return PyBool_FromLong(sip_uri_param_find(self->uri.params, lr_name, &param));
}

static PyObject *uri_compare(PyObject *a, PyObject *b, int op) {
    bool both = Py_IS_TYPE(a, &sip_uri_type) && Py_IS_TYPE(b, &sip_uri_type);
    if (!both || (op != Py_EQ && op != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    bool equal = a == b || sip_uri_equal(&((UriObject *)a)->uri, &((UriObject *)b)->uri);
    return PyBool_FromLong(equal == (op == Py_EQ));
}

static Py_hash_t uri_hash(UriObject *self) {
    Py_hash_t hash = (Py_hash_t)sip_uri_hash(&self->uri);
    return hash == -1 ? -2 : hash;
}

static PyGetSetDef uri_getset[] = {
    {"scheme", (getter)uri_scheme, NULL, NULL, NULL},
    {"user", (getter)uri_user, NULL, NULL, NULL},
    {"user_unescaped", (getter)uri_user_unescaped, NULL, NULL, NULL},
    {"password", (getter)uri_password, NULL, NULL, NULL},
    {"host", (getter)uri_host, NULL, NULL, NULL},
    {"host_is_ip", (getter)uri_host_is_ip, NULL, NULL, NULL},
    {"port", (getter)uri_port, NULL, NULL, NULL},
    {"params", (getter)uri_params, NULL, NULL, NULL},
    {"headers", (getter)uri_headers, NULL, NULL, NULL},
    {"transport", (getter)uri_transport, NULL, NULL, NULL},
    {"lr", (getter)uri_lr, NULL, NULL, NULL},
    {"maddr", (getter)uri_maddr, NULL, NULL, NULL},
    {"aor", (getter)uri_aor, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef uri_methods[] = {
    {"build", FUNCTION(sip_uri_build), METH_VARARGS | METH_KEYWORDS | METH_STATIC, NULL},
    {"without_params", (PyCFunction)sip_uri_without_params, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_uri_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Uri",
    .tp_basicsize = sizeof(UriObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = uri_new,
    .tp_dealloc = (destructor)uri_dealloc,
    .tp_richcompare = uri_compare,
    .tp_hash = (hashfunc)uri_hash,
    .tp_str = sip_parsed_str,
    .tp_repr = sip_parsed_repr,
    .tp_members = sip_parsed_members,
    .tp_getset = uri_getset,
    .tp_methods = uri_methods,
};
