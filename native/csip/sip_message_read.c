/* Attributes of a Message that are single values. */
#include "sip_chars.h"
#include "sip_message_type.h"
#include "sip_refuse.h"

#define GETTER(name) static PyObject *name(MessageObject *self, void *closure)

static PyObject *fault(enum sip_error error, enum sip_name id) { return sip_py_fault((struct sip_fault){error, id}, NULL); }

/* --- start line --- */

GETTER(get_is_request) {
    (void)closure;
    return PyBool_FromLong(self->core.status == 0);
}

GETTER(get_status) {
    (void)closure;
    return PyLong_FromLong(self->core.status);
}

GETTER(get_reason) {
    (void)closure;
    return sip_py_str((struct sip_slice){self->core.raw + self->core.reason_at, self->core.reason_size});
}

GETTER(get_version) {
    (void)closure;
    return sip_py_str((struct sip_slice){self->core.raw + self->core.version_at, self->core.version_size});
}

static bool refuse_response(MessageObject *self) {
    if (self->core.status) PyErr_SetString(PyExc_AttributeError, "a response has no Request-URI");
    return self->core.status;
}

PyObject *sip_message_request_uri_text(MessageObject *self, void *closure) {
    (void)closure;
    if (refuse_response(self)) return NULL;
    return SIP_PY_CACHED(self->cache[CACHE_REQUEST_URI_TEXT], sip_py_str(sip_message_uri(&self->core)));
}

static PyObject *make_request_uri(MessageObject *self) {
    return sip_uri_object(sip_message_uri(&self->core), SIP_REQUEST_URI);
}

PyObject *sip_message_request_uri(MessageObject *self, void *closure) {
    (void)closure;
    if (self->cache[CACHE_REQUEST_URI]) return Py_NewRef(self->cache[CACHE_REQUEST_URI]);
    if (refuse_response(self)) return NULL;
    return SIP_PY_CACHED(self->cache[CACHE_REQUEST_URI], make_request_uri(self));
}

GETTER(get_begins) {
    (void)closure;
    return PyBool_FromLong(sip_begins(&self->core));
}

GETTER(get_has_route) {
    (void)closure;
    return PyBool_FromLong(sip_line_find(&self->core, (struct sip_wanted){.id = SIP_ROUTE}, 0) < self->core.line_count);
}

bool sip_message_is_sips(const MessageObject *self) {
    struct sip_slice uri = sip_message_uri(&self->core);
    return uri.size > 5 && sip_same_nocase((struct sip_slice){uri.at, 5}, SIP_TEXT("sips:"));
}

GETTER(get_is_sips) {
    (void)closure;
    return PyBool_FromLong(sip_message_is_sips(self));
}

/* --- single values --- */

static PyObject *make_via(MessageObject *self) {
    struct sip_scratch scratch;
    struct sip_slice text;
    enum sip_error error = sip_read_first(&self->core, SIP_VIA, &scratch, &text);
    return error == SIP_OK ? sip_via_object(text) : fault(error, SIP_VIA);
}

GETTER(get_via) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_VIA], make_via(self));
}

PyObject *sip_message_via_sent_by(MessageObject *self, void *closure) {
    (void)closure;
    struct sip_scratch scratch;
    struct sip_via via;
    struct sip_fault found = sip_read_via(&self->core, &scratch, &via);
    return found.error == SIP_OK ? sip_py_lower(via.sent_by) : sip_py_fault(found, NULL);
}

GETTER(get_via_rport) {
    (void)closure;
    struct sip_scratch scratch;
    struct sip_via via;
    struct sip_fault found = sip_read_via(&self->core, &scratch, &via);
    if (found.error != SIP_OK) return sip_py_fault(found, NULL);
    if (via.rport_number < 0) Py_RETURN_NONE;
    return PyLong_FromLong(via.rport_number);
}

static PyObject *make_addr(MessageObject *self, enum sip_name id) {
    struct sip_scratch scratch;
    struct sip_slice text;
    enum sip_error error = sip_read_text(&self->core, id, &scratch, &text);
    return error == SIP_OK ? sip_addr_object(text, id) : fault(error, id);
}

GETTER(get_from) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_FROM], make_addr(self, SIP_FROM));
}

GETTER(get_from_uri_text) {
    (void)closure;
    struct sip_scratch scratch;
    struct sip_slice uri;
    struct sip_fault found = sip_read_from_uri(&self->core, &scratch, &uri);
    return found.error == SIP_OK ? sip_py_str(uri) : sip_py_fault(found, NULL);
}

GETTER(get_to) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_TO], make_addr(self, SIP_TO));
}

static PyObject *get_tag(MessageObject *self, enum sip_name id) {
    struct sip_scratch scratch;
    struct sip_slice tag;
    struct sip_fault found = sip_read_tag(&self->core, id, &scratch, &tag);
    return found.error == SIP_OK ? sip_py_str_or_none(tag) : sip_py_fault(found, NULL);
}

GETTER(get_from_tag) {
    (void)closure;
    return get_tag(self, SIP_FROM);
}

GETTER(get_to_tag) {
    (void)closure;
    return get_tag(self, SIP_TO);
}

static PyObject *make_call_id(MessageObject *self) {
    struct sip_scratch scratch;
    struct sip_slice text;
    enum sip_error error = sip_read_text(&self->core, SIP_CALL_ID, &scratch, &text);
    if (error == SIP_OK) error = sip_call_id_check(text);
    return error == SIP_OK ? sip_py_str(text) : fault(error, SIP_CALL_ID);
}

PyObject *sip_message_call_id(MessageObject *self, void *closure) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_CALL_ID], make_call_id(self));
}

GETTER(get_cseq) {
    struct sip_scratch scratch;
    struct sip_slice method;
    uint32_t number;
    (void)closure;
    struct sip_fault found = sip_read_cseq(&self->core, &scratch, &number, &method);
    return found.error == SIP_OK ? PyLong_FromUnsignedLong(number) : sip_py_fault(found, NULL);
}

static PyObject *make_cseq_method(MessageObject *self) {
    struct sip_scratch scratch;
    struct sip_slice method;
    uint32_t number;
    struct sip_fault found = sip_read_cseq(&self->core, &scratch, &number, &method);
    return found.error == SIP_OK ? sip_py_method(method) : sip_py_fault(found, NULL);
}

GETTER(get_cseq_method) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_CSEQ_METHOD], make_cseq_method(self));
}

GETTER(get_max_forwards) {
    struct sip_scratch scratch;
    struct sip_slice text;
    uint32_t number;
    (void)closure;
    if (sip_read_text(&self->core, SIP_MAX_FORWARDS, &scratch, &text) != SIP_OK) Py_RETURN_NONE;
    enum sip_error error = sip_number(text, 255, &number);
    return error == SIP_OK ? PyLong_FromUnsignedLong(number) : fault(error, SIP_MAX_FORWARDS);
}

GETTER(get_expires) {
    struct sip_scratch scratch;
    struct sip_slice text;
    uint32_t number;
    (void)closure;
    if (sip_read_text(&self->core, SIP_EXPIRES, &scratch, &text) != SIP_OK) Py_RETURN_NONE;
    if (sip_number(text, UINT32_MAX, &number) != SIP_OK) Py_RETURN_NONE;
    return PyLong_FromUnsignedLong(number);
}

static PyObject *make_content_type(MessageObject *self) {
    struct sip_scratch scratch;
    struct sip_slice text, type;
    if (sip_read_text(&self->core, SIP_CONTENT_TYPE, &scratch, &text) != SIP_OK) Py_RETURN_NONE;
    enum sip_error error = sip_media_type(text, &type);
    return error == SIP_OK ? sip_py_lower(type) : fault(error, SIP_CONTENT_TYPE);
}

GETTER(get_content_type) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_CONTENT_TYPE], make_content_type(self));
}

/* --- keys, body, sizes --- */

static PyObject *finish_key(struct sip_buffer *out, struct sip_fault found) {
    PyObject *key = found.error == SIP_OK ? sip_py_str((struct sip_slice){out->at, out->size}) : sip_py_fault(found, NULL);
    sip_buffer_free(out);
    return key;
}

static PyObject *make_server_key(MessageObject *self) {
    struct sip_buffer out = {NULL, 0, 0, false};
    struct sip_py_view method;
    if (sip_py_view(self->method, &method) < 0) return NULL;
    PyObject *key = finish_key(&out, sip_add_server_key(&out, &self->core, method.text));
    Py_XDECREF(method.holder);
    return key;
}

static PyObject *make_client_key(MessageObject *self) {
    struct sip_buffer out = {NULL, 0, 0, false};
    struct sip_fault found = sip_add_client_key(&out, &self->core);
    return finish_key(&out, found);
}

static PyObject *make_identity(MessageObject *self) {
    struct sip_buffer out = {NULL, 0, 0, false};
    struct sip_fault found = sip_add_identity(&out, &self->core);
    return finish_key(&out, found);
}

PyObject *sip_message_identity(MessageObject *self, void *closure) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_IDENTITY], make_identity(self));
}

PyObject *sip_message_loop_hash(MessageObject *self, void *closure) {
    (void)closure;
    if (refuse_response(self)) return NULL;
    struct sip_buffer out = {NULL, 0, 0, false};
    struct sip_fault found = sip_add_decisive(&out, &self->core);
    PyObject *hash = found.error == SIP_OK ? PyLong_FromUnsignedLong(sip_crc32((struct sip_slice){out.at, out.size}))
                                           : sip_py_fault(found, NULL);
    sip_buffer_free(&out);
    return hash;
}

PyObject *sip_message_server_key(MessageObject *self) {
    return SIP_PY_CACHED(self->cache[CACHE_SERVER_KEY], make_server_key(self));
}

PyObject *sip_message_client_key(MessageObject *self) {
    return SIP_PY_CACHED(self->cache[CACHE_CLIENT_KEY], make_client_key(self));
}

GETTER(get_server_key) {
    (void)closure;
    return sip_message_server_key(self);
}

GETTER(get_client_key) {
    (void)closure;
    return sip_message_client_key(self);
}

GETTER(get_body) {
    (void)closure;
    if (self->body) return Py_NewRef(self->body);
    return SIP_PY_CACHED(self->cache[CACHE_BODY], PyBytes_FromStringAndSize(self->core.body, self->core.body_size));
}

GETTER(get_trailing_bytes) {
    (void)closure;
    return PyLong_FromUnsignedLong(self->core.trailing);
}

GETTER(get_wire_size) {
    (void)closure;
    return PyLong_FromSsize_t(PyBytes_GET_SIZE(self->raw));
}

PyObject *sip_message_check(MessageObject *self, PyObject *unused) {
    (void)unused;
    uint32_t traits;
    struct sip_fault found = sip_check(&self->core, &traits);
    return found.error == SIP_OK ? PyLong_FromUnsignedLong(traits) : sip_py_fault(found, NULL);
}

#define ATTRIBUTE(name, function) {name, (getter)(function), NULL, NULL, NULL}
PyGetSetDef sip_message_getset[] = {
    ATTRIBUTE("is_request", get_is_request),
    ATTRIBUTE("status", get_status),
    ATTRIBUTE("reason", get_reason),
    ATTRIBUTE("version", get_version),
    ATTRIBUTE("request_uri", sip_message_request_uri),
    ATTRIBUTE("request_uri_text", sip_message_request_uri_text),
    ATTRIBUTE("is_sips", get_is_sips),
    ATTRIBUTE("has_route", get_has_route),
    ATTRIBUTE("via", get_via),
    ATTRIBUTE("via_count", sip_message_via_count),
    ATTRIBUTE("via_sent_by", sip_message_via_sent_by),
    ATTRIBUTE("via_rport", get_via_rport),
    ATTRIBUTE("call_id", sip_message_call_id),
    ATTRIBUTE("cseq", get_cseq),
    ATTRIBUTE("cseq_method", get_cseq_method),
    ATTRIBUTE("from_", get_from),
    ATTRIBUTE("from_uri_text", get_from_uri_text),
    ATTRIBUTE("to", get_to),
    ATTRIBUTE("from_tag", get_from_tag),
    ATTRIBUTE("to_tag", get_to_tag),
    ATTRIBUTE("max_forwards", get_max_forwards),
    ATTRIBUTE("expires", get_expires),
    ATTRIBUTE("content_type", get_content_type),
    ATTRIBUTE("routes", sip_message_routes),
    ATTRIBUTE("record_routes", sip_message_record_routes),
    ATTRIBUTE("contacts", sip_message_contacts),
    ATTRIBUTE("contact_uri_text", sip_message_contact_uri_text),
    ATTRIBUTE("paths", sip_message_paths),
    ATTRIBUTE("server_key", get_server_key),
    ATTRIBUTE("client_key", get_client_key),
    ATTRIBUTE("identity", sip_message_identity),
    ATTRIBUTE("loop_hash", sip_message_loop_hash),
    ATTRIBUTE("begins", get_begins),
    ATTRIBUTE("body", get_body),
    ATTRIBUTE("trailing_bytes", get_trailing_bytes),
    ATTRIBUTE("wire_size", get_wire_size),
    ATTRIBUTE(NULL, NULL),
};
