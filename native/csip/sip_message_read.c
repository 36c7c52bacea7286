/* Attributes of a Message that are single values. */
#include "sip_chars.h"
#include "sip_message_type.h"
#include "sip_refuse.h"

#define GETTER(name) static PyObject *name(MessageObject *self, void *closure)

static PyObject *fault(enum sip_error error, enum sip_name id) { return sip_py_fault((struct sip_fault){error, id}, NULL); }

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

int sip_message_read_tag(const MessageObject *self, enum sip_name from_or_to, struct sip_scratch *scratch, struct sip_slice *tag) {
    struct sip_fault found = sip_read_tag(&self->core, from_or_to, scratch, tag);
    return found.error == SIP_OK ? 0 : sip_py_done(sip_py_fault(found, NULL));
}

PyObject *sip_message_tag(const MessageObject *self, enum sip_name from_or_to, struct sip_slice none) {
    struct sip_scratch scratch;
    struct sip_slice tag;
    return sip_message_read_tag(self, from_or_to, &scratch, &tag) < 0 ? NULL : sip_py_str_or_none(tag.at ? tag : none);
}

static PyObject *get_tag(MessageObject *self, enum sip_name id) { return sip_message_tag(self, id, (struct sip_slice){NULL, 0}); }

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

PyObject *sip_message_check(MessageObject *self, PyObject *unused) {
    (void)unused;
    uint32_t traits;
    struct sip_fault found = sip_check(&self->core, &traits);
    return found.error == SIP_OK ? PyLong_FromUnsignedLong(traits) : sip_py_fault(found, NULL);
}

#define ATTRIBUTE(name, function) {name, (getter)(function), NULL, NULL, NULL}
PyGetSetDef sip_message_getset[] = {
    ATTRIBUTE("is_request", sip_message_is_request),
    ATTRIBUTE("status", sip_message_status),
    ATTRIBUTE("reason", sip_message_reason),
    ATTRIBUTE("version", sip_message_version),
    ATTRIBUTE("request_uri", sip_message_request_uri),
    ATTRIBUTE("request_uri_text", sip_message_request_uri_text),
    ATTRIBUTE("is_sips", sip_message_get_is_sips),
    ATTRIBUTE("has_route", sip_message_has_route),
    ATTRIBUTE("via", get_via),
    ATTRIBUTE("via_count", sip_message_via_count),
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
    ATTRIBUTE("body", get_body),
    ATTRIBUTE("trailing_bytes", get_trailing_bytes),
    ATTRIBUTE(NULL, NULL),
};
