/* Attributes of a Message that its start line has, or that say what kind of request it is. */
#include "sip_chars.h"
#include "sip_message_type.h"
#include "sip_refuse.h"

PyObject *sip_message_is_request(MessageObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(self->core.status == 0);
}

PyObject *sip_message_status(MessageObject *self, void *closure) {
    (void)closure;
    return PyLong_FromLong(self->core.status);
}

PyObject *sip_message_reason(MessageObject *self, void *closure) {
    (void)closure;
    return sip_py_str((struct sip_slice){self->core.raw + self->core.reason_at, self->core.reason_size});
}

PyObject *sip_message_version(MessageObject *self, void *closure) {
    (void)closure;
    return sip_py_str((struct sip_slice){self->core.raw + self->core.version_at, self->core.version_size});
}

bool sip_refuse_response(const MessageObject *self) {
    if (self->core.status) PyErr_SetString(PyExc_AttributeError, "a response has no Request-URI");
    return self->core.status;
}

PyObject *sip_message_request_uri_text(MessageObject *self, void *closure) {
    (void)closure;
    if (sip_refuse_response(self)) return NULL;
    return SIP_PY_CACHED(self->cache[CACHE_REQUEST_URI_TEXT], sip_py_str(sip_message_uri(&self->core)));
}

static PyObject *make_request_uri(MessageObject *self) {
    return sip_uri_object(sip_message_uri(&self->core), SIP_REQUEST_URI);
}

PyObject *sip_message_request_uri(MessageObject *self, void *closure) {
    (void)closure;
    if (self->cache[CACHE_REQUEST_URI]) return Py_NewRef(self->cache[CACHE_REQUEST_URI]);
    if (sip_refuse_response(self)) return NULL;
    return SIP_PY_CACHED(self->cache[CACHE_REQUEST_URI], make_request_uri(self));
}

PyObject *sip_message_has_route(MessageObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(sip_line_find(&self->core, (struct sip_wanted){.id = SIP_ROUTE}, 0) < self->core.line_count);
}

bool sip_message_is_sips(const MessageObject *self) {
    struct sip_slice uri = sip_message_uri(&self->core);
    return uri.size > 5 && sip_same_nocase((struct sip_slice){uri.at, 5}, SIP_TEXT("sips:"));
}

PyObject *sip_message_get_is_sips(MessageObject *self, void *closure) {
    (void)closure;
    return PyBool_FromLong(sip_message_is_sips(self));
}
