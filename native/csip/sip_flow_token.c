/* Tokens of flows: what names one in a Record-Route cookie, in characters that a URI parameter may hold (RFC 5626 section 5.2, of which
 * the cookie is the signed form): index of the listener, address, port and connection, in hexadecimal save the address. */
#include "sip_cookie.h"
#include "sip_flow.h"
#include "sip_proxy.h"

#define HEX_MAX 16 /* digits of what fits into 64 bits */

/* --- writing --- */

static void add_host(struct sip_buffer *out, struct sip_slice host) {
    size_t from = out->size;
    sip_add(out, host);
    for (size_t i = from; !out->failed && i < out->size; i++)
        if (out->at[i] == ':') out->at[i] = '-';
}

static void add_token(struct sip_buffer *out, const struct sip_flow_name *name) {
    sip_add_hex(out, name->listener, 1);
    sip_add(out, SIP_TEXT("_"));
    add_host(out, name->host);
    sip_add(out, SIP_TEXT("_"));
    sip_add_hex(out, name->port, 1);
    sip_add(out, SIP_TEXT("_"));
    sip_add_hex(out, name->connection_id, 1);
}

static int add_remote(struct sip_buffer *out, PyObject *remote, struct sip_flow_name *name) {
    struct sip_py_view host;
    PyObject *text;
    int port;
    if (!PyArg_ParseTuple(remote, "Ui;a flow's remote is host and port", &text, &port) || sip_py_view(text, &host) < 0) return -1;
    name->host = host.text;
    name->port = (uint32_t)port;
    add_token(out, name);
    Py_XDECREF(host.holder);
    return 0;
}

int sip_flow_add_token(struct sip_buffer *out, PyObject *flow) {
    static struct sip_py_word connection_id = {"connection_id", NULL};
    struct sip_flow_name name = {.listener = (uint32_t)sip_py_unsigned(sip_proxy_listener(flow))};
    if (!PyErr_Occurred()) name.connection_id = sip_py_unsigned(sip_py_get(flow, &connection_id));
    PyObject *remote = PyErr_Occurred() ? NULL : sip_flow_remote(flow);
    int result = remote ? add_remote(out, remote, &name) : -1;
    Py_XDECREF(remote);
    return result;
}

PyObject *sip_flow_name_py(PyObject *unused, PyObject *args) {
    SIP_STACK_BUFFER(out);
    struct sip_flow_name name = {0};
    struct sip_py_view host;
    PyObject *text;
    unsigned long long connection_id;
    (void)unused;
    if (!PyArg_ParseTuple(args, "IUIK:flow_name", &name.listener, &text, &name.port, &connection_id) || sip_py_view(text, &host) < 0)
        return NULL;
    name.host = host.text;
    name.connection_id = connection_id;
    add_token(&out, &name);
    PyObject *token = sip_py_written(&out);
    sip_buffer_free(&out);
    Py_XDECREF(host.holder);
    return token;
}

/* --- reading --- */

/* Up to the next "_", or the end; false when it is the last of them and should not be. */
static bool take_part(struct sip_slice *rest, bool last, struct sip_slice *part) {
    const char *end = rest->at + rest->size, *mark = memchr(rest->at, '_', rest->size);
    if (!mark != last) return false;
    *part = sip_slice_of(rest->at, mark ? mark : end);
    *rest = sip_slice_of(mark ? mark + 1 : end, end);
    return true;
}

static int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static bool take_number(struct sip_slice *rest, bool last, uint64_t *number) {
    struct sip_slice part;
    if (!take_part(rest, last, &part) || !part.size || part.size > HEX_MAX) return false;
    *number = 0;
    for (size_t i = 0; i < part.size; i++) {
        int digit = digit_of(part.at[i]);
        if (digit < 0) return false;
        *number = *number << 4 | (unsigned)digit;
    }
    return true;
}

/* The host as it was; written to `out`, which has to have room. */
static struct sip_slice host_of(struct sip_slice part, char *out) {
    for (size_t i = 0; i < part.size; i++) out[i] = part.at[i] == '-' ? ':' : part.at[i];
    return (struct sip_slice){out, part.size};
}

static bool read_token(struct sip_slice token, char host[SIP_FLOW_HOST_MAX], struct sip_flow_name *name) {
    uint64_t listener, port, connection_id;
    struct sip_slice part;
    if (!take_number(&token, false, &listener) || listener > UINT32_MAX) return false;
    if (!take_part(&token, false, &part) || part.size > SIP_FLOW_HOST_MAX) return false;
    if (!take_number(&token, false, &port) || port > UINT16_MAX || !take_number(&token, true, &connection_id)) return false;
    *name = (struct sip_flow_name){(uint32_t)listener, host_of(part, host), (uint32_t)port, connection_id};
    return true;
}

PyObject *sip_flow_named(PyObject *flows, const struct sip_flow_name *name) {
    PyObject *host = sip_py_str(name->host), *port = host ? PyLong_FromUnsignedLong(name->port) : NULL;
    PyObject *remote = port ? PyTuple_Pack(2, host, port) : NULL, *listener = remote ? PyLong_FromUnsignedLong(name->listener) : NULL;
    PyObject *id = listener ? PyLong_FromUnsignedLongLong(name->connection_id) : NULL;
    PyObject *flow = id ? sip_flow_of(flows, listener, remote, id) : NULL;
    PyObject *made[] = {host, port, remote, listener, id};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) Py_XDECREF(made[i]);
    return flow;
}

PyObject *sip_flow_of_token(PyObject *flows, PyObject *token) {
    char host[SIP_FLOW_HOST_MAX];
    struct sip_flow_name name;
    struct sip_py_view view;
    if (sip_py_view(token, &view) < 0) return NULL;
    bool read = read_token(view.text, host, &name);
    Py_XDECREF(view.holder);
    return read ? sip_flow_named(flows, &name) : PyErr_Format(PyExc_ValueError, "%R is no token of a flow", token);
}

PyObject *sip_flow_of_token_py(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    (void)unused;
    if (count != 2 || !PyUnicode_Check(args[1])) return PyErr_Format(PyExc_TypeError, "flows and a token expected");
    return sip_flow_of_token(args[0], args[1]);
}
