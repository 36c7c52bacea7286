/* What comes out of a Message: its bytes, a reply, a derived request; and requests from nothing. */
#include "sip_chars.h"
#include "sip_mac.h"
#include "sip_message_type.h"

/* The bytes received are the bytes to send when nothing was edited, is dropped or missing. */
static bool is_raw(const struct sip_message *core, bool stream) {
    if (core->edited || core->start_at || core->trailing || !core->end_size) return false;
    return !stream || sip_line_find(core, (struct sip_wanted){.id = SIP_CONTENT_LENGTH}, 0) < core->line_count;
}

static PyObject *make_wire(MessageObject *self, bool stream) {
    if (is_raw(&self->core, stream)) return Py_NewRef(self->raw);
    PyObject *wire = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)sip_written_size(&self->core, stream));
    if (wire) sip_write(&self->core, stream, PyBytes_AS_STRING(wire));
    return wire;
}

PyObject *sip_message_wire(MessageObject *self, bool stream) {
    enum sip_cache slot = stream ? CACHE_WIRE_STREAM : CACHE_WIRE;
    return SIP_PY_CACHED(self->cache[slot], make_wire(self, stream));
}

PyObject *sip_message_to_bytes(MessageObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    int stream = 0;
    if (count || (names && (PyTuple_GET_SIZE(names) != 1 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "stream"))))
        return PyErr_Format(PyExc_TypeError, "stream, a keyword, is all to_bytes takes");
    if (names && (stream = PyObject_IsTrue(args[0])) < 0) return NULL;
    return sip_message_wire(self, stream);
}

static int add_pair(struct sip_buffer *out, PyObject *pair) {
    struct sip_py_view name, value;
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        PyErr_SetString(PyExc_TypeError, "headers are (name, value) pairs");
        return -1;
    }
    if (sip_py_token_view(PyTuple_GET_ITEM(pair, 0), "header name", &name) < 0) return -1;
    int result = sip_py_line_view(PyTuple_GET_ITEM(pair, 1), "header value", &value);
    if (result == 0) {
        if (sip_want(name.text).id != SIP_CONTENT_LENGTH) sip_add_header(out, name.text, value.text);
        Py_XDECREF(value.holder);
    }
    Py_XDECREF(name.holder);
    return result;
}

static int add_pairs(struct sip_buffer *out, PyObject *headers) {
    if (headers == Py_None) return 0;
    PyObject *items = PySequence_Fast(headers, "headers are a list of (name, value) pairs");
    if (!items) return -1;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(items); i++)
        result = add_pair(out, PySequence_Fast_GET_ITEM(items, i));
    Py_DECREF(items);
    return result;
}

/* The message that the buffer holds. */
static PyObject *finish(struct sip_buffer *out) {
    if (out->failed) return PyErr_NoMemory();
    return sip_message_object(PyBytes_FromStringAndSize(out->at, (Py_ssize_t)out->size));
}

static struct sip_slice bytes_slice(PyObject *bytes) {
    return bytes ? (struct sip_slice){PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)} : (struct sip_slice){"", 0};
}

/* `tag`: of To, when it has none; at is NULL: none is added. */
static int build_reply(MessageObject *self, struct sip_buffer *out, long status, PyObject *reason, struct sip_slice tag,
    PyObject *headers, PyObject *body) {
    struct sip_py_view phrase = {{NULL, 0}, NULL};
    if (status < 100 || status > 699 || self->core.status) {
        PyErr_SetString(PyExc_ValueError, self->core.status ? "a response has no reply" : "status out of range");
        return -1;
    }
    if (reason != Py_None && sip_py_line_view(reason, "reason", &phrase) < 0) return -1;
    if (!phrase.text.at) {
        const char *text = sip_reason_phrase((int)status);
        phrase.text = (struct sip_slice){text, strlen(text)};
    }
    sip_add_reply(out, &self->core, (int)status, phrase.text, tag);
    Py_XDECREF(phrase.holder);
    if (add_pairs(out, headers) < 0) return -1;
    sip_add_body(out, bytes_slice(body));
    return 0;
}

PyObject *sip_message_reply(MessageObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"status", "reason", "to_tag", "headers", "body", NULL};
    PyObject *reason = Py_None, *to_tag = Py_None, *headers = Py_None, *body = NULL, *result = NULL;
    struct sip_py_view tag = {{NULL, 0}, NULL};
    SIP_STACK_BUFFER(out);
    int status;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|O$OOS:reply", keywords, &status, &reason, &to_tag, &headers, &body))
        return NULL;
    if (to_tag != Py_None && sip_py_token_view(to_tag, "to_tag", &tag) < 0) return NULL;
    if (build_reply(self, &out, status, reason, tag.text, headers, body) == 0) result = finish(&out);
    Py_XDECREF(tag.holder);
    sip_buffer_free(&out);
    return result;
}

/* -1 with ParseError for a request that has no transaction. */
static int make_tag(MessageObject *self, PyObject *mac, char tag[SIP_MAC_TEXT_SIZE]) {
    SIP_STACK_BUFFER(text);
    const uint8_t *key = sip_mac_key(mac);
    if (!key) return -1;
    struct sip_fault fault = sip_message_add_tag_text(self, &text);
    if (fault.error == SIP_OK)
        sip_mac_text(key, (struct sip_slice){text.at, text.size}, tag);
    else
        sip_py_fault(fault, NULL);
    sip_buffer_free(&text);
    return fault.error == SIP_OK ? 0 : -1;
}

static PyObject *finish_bytes(struct sip_buffer *out) {
    return out->failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize(out->at, (Py_ssize_t)out->size);
}

PyObject *sip_message_answer(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    enum { TAGS, STATUS, REASON, HEADERS, BODY, ARGUMENTS };
    SIP_STACK_BUFFER(out);
    char tag[SIP_MAC_TEXT_SIZE];
    if (count != ARGUMENTS || !PyBytes_Check(args[BODY]))
        return PyErr_Format(PyExc_TypeError, "tags, status, reason, headers and a body of bytes expected");
    long status = PyLong_AsLong(args[STATUS]);
    if ((status == -1 && PyErr_Occurred()) || make_tag(self, args[TAGS], tag) < 0) return NULL;
    struct sip_slice tag_text = {tag, SIP_MAC_TEXT_SIZE};
    PyObject *data = NULL;
    if (build_reply(self, &out, status, args[REASON], tag_text, args[HEADERS], args[BODY]) == 0)
        data = finish_bytes(&out);
    sip_buffer_free(&out);
    return data;
}

PyObject *sip_message_answer_lines(MessageObject *self, PyObject *tags, int status, const struct sip_buffer *lines) {
    SIP_STACK_BUFFER(out);
    out.failed = lines->failed;
    char tag[SIP_MAC_TEXT_SIZE];
    const char *reason = sip_reason_phrase(status);
    if (make_tag(self, tags, tag) < 0) return NULL;
    sip_add_reply(&out, &self->core, status, (struct sip_slice){reason, strlen(reason)}, (struct sip_slice){tag, SIP_MAC_TEXT_SIZE});
    sip_add(&out, (struct sip_slice){lines->at, lines->size});
    sip_add_body(&out, (struct sip_slice){"", 0});
    PyObject *data = finish_bytes(&out);
    sip_buffer_free(&out);
    return data;
}

PyObject *sip_message_trying(MessageObject *self, PyObject *unused) {
    SIP_STACK_BUFFER(out);
    (void)unused;
    if (self->core.status) return PyErr_Format(PyExc_ValueError, "a response has no reply");
    sip_add_reply(&out, &self->core, 100, SIP_TEXT("Trying"), (struct sip_slice){NULL, 0});
    sip_add_body(&out, (struct sip_slice){"", 0});
    PyObject *data = finish_bytes(&out);
    sip_buffer_free(&out);
    return data;
}

PyObject *sip_message_derived(MessageObject *self, struct sip_slice method) {
    SIP_STACK_BUFFER(out);
    if (self->core.status) return PyErr_Format(PyExc_ValueError, "a response derives nothing");
    struct sip_fault fault = sip_add_derived(&out, &self->core, method);
    PyObject *result = fault.error == SIP_OK ? finish(&out) : sip_py_fault(fault, NULL);
    sip_buffer_free(&out);
    return result;
}

PyObject *sip_message_derive(MessageObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"method", NULL};
    struct sip_py_view method;
    PyObject *name;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:derive", keywords, &name)) return NULL;
    if (sip_py_token_view(name, "method", &method) < 0) return NULL;
    PyObject *result = sip_message_derived(self, method.text);
    Py_XDECREF(method.holder);
    return result;
}

PyObject *sip_message_request(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"method", "uri", "headers", "body", NULL};
    PyObject *method, *uri, *headers, *body = NULL, *result = NULL;
    struct sip_py_view name = {{NULL, 0}, NULL}, target = {{NULL, 0}, NULL};
    SIP_STACK_BUFFER(out);
    (void)unused;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UUO|S:request", keywords, &method, &uri, &headers, &body)) return NULL;
    if (sip_py_token_view(method, "method", &name) < 0 || sip_py_line_view(uri, "Request-URI", &target) < 0) goto done;
    sip_add(&out, name.text);
    sip_add(&out, SIP_TEXT(" "));
    sip_add(&out, target.text);
    sip_add(&out, SIP_TEXT(" SIP/2.0\r\n"));
    if (add_pairs(&out, headers) < 0) goto done;
    sip_add_body(&out, bytes_slice(body));
    result = finish(&out);
done:
    Py_XDECREF(name.holder);
    Py_XDECREF(target.holder);
    sip_buffer_free(&out);
    return result;
}
