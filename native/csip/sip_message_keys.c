/* What tells one message of a transaction, a request, or a loop from others. */
#include "sip_message_type.h"

static PyObject *finish_key(struct sip_buffer *out, struct sip_fault found) {
    PyObject *key = found.error == SIP_OK ? sip_py_str((struct sip_slice){out->at, out->size}) : sip_py_fault(found, NULL);
    sip_buffer_free(out);
    return key;
}

static PyObject *make_server_key(MessageObject *self) {
    SIP_STACK_BUFFER(out);
    struct sip_py_view method;
    if (sip_py_view(self->method, &method) < 0) return NULL;
    PyObject *key = finish_key(&out, sip_add_server_key(&out, &self->core, method.text));
    Py_XDECREF(method.holder);
    return key;
}

static PyObject *make_client_key(MessageObject *self) {
    SIP_STACK_BUFFER(out);
    struct sip_fault found = sip_add_client_key(&out, &self->core);
    return finish_key(&out, found);
}

static PyObject *make_identity(MessageObject *self) {
    SIP_STACK_BUFFER(out);
    struct sip_fault found = sip_add_identity(&out, &self->core);
    return finish_key(&out, found);
}

PyObject *sip_message_identity(MessageObject *self, void *closure) {
    (void)closure;
    return SIP_PY_CACHED(self->cache[CACHE_IDENTITY], make_identity(self));
}

PyObject *sip_message_loop_hash(MessageObject *self, void *closure) {
    (void)closure;
    if (sip_refuse_response(self)) return NULL;
    SIP_STACK_BUFFER(out);
    struct sip_fault found = sip_add_decisive(&out, &self->core);
    char digits[SIP_DIGITS_MAX];
    size_t size = sip_digits(sip_crc32((struct sip_slice){out.at, out.size}), digits);
    sip_buffer_free(&out);
    return found.error == SIP_OK ? sip_py_str((struct sip_slice){digits, size}) : sip_py_fault(found, NULL);
}

PyObject *sip_message_server_key(MessageObject *self) {
    return SIP_PY_CACHED(self->cache[CACHE_SERVER_KEY], make_server_key(self));
}

PyObject *sip_message_client_key(MessageObject *self) {
    return SIP_PY_CACHED(self->cache[CACHE_CLIENT_KEY], make_client_key(self));
}

/* The server key, once it was made, says all that in front of the method. */
struct sip_fault sip_message_add_tag_text(MessageObject *self, struct sip_buffer *out) {
    struct sip_py_view key;
    if (!self->cache[CACHE_SERVER_KEY]) return sip_add_tag_text(out, &self->core);
    if (sip_py_view(self->cache[CACHE_SERVER_KEY], &key) < 0) return (struct sip_fault){SIP_NO_MEMORY, SIP_OTHER};
    sip_add(out, SIP_TAG_TEXT_BEGINS);
    sip_add(out, sip_slice_of(key.text.at, memrchr(key.text.at, '|', key.text.size)));
    Py_XDECREF(key.holder);
    return (struct sip_fault){out->failed ? SIP_NO_MEMORY : SIP_OK, SIP_OTHER};
}
