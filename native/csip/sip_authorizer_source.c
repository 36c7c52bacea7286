/* Who calls by a trunk: it is known by its address, and From names none of our users. */
#include "sip_authorizer.h"
#include "sip_flow.h"

/* Whether From is known to name nobody of ours, by its host or by the whole URI. -1 with an exception. */
static int is_stranger(PyObject *strangers, const struct sip_message *message) {
    struct sip_scratch scratch;
    struct sip_slice text;
    struct sip_uri uri;
    if (sip_read_from_uri(message, &scratch, &text).error != SIP_OK || sip_uri_parse(text, &uri) != SIP_OK) return 0;
    if (uri.scheme_id != SIP_SCHEME_SIP) return 0;
    PyObject *key = sip_py_host(uri.host);
    int found = key ? PyDict_Contains(strangers, key) : -1;
    if (found == 0) {
        Py_SETREF(key, sip_py_str(text));
        found = key ? PyDict_Contains(strangers, key) : -1;
    }
    Py_XDECREF(key);
    return found;
}

PyObject *sip_authorizer_source(AuthorizerObject *self, InboundObject *request) {
    if (!PyDict_GET_SIZE(self->sources)) return NULL;
    PyObject *host = sip_flow_remote_host(request->flow), *caller = host ? PyDict_GetItemWithError(self->sources, host) : NULL;
    Py_XDECREF(host);
    return caller && is_stranger(self->strangers, &((MessageObject *)request->message)->core) > 0 ? Py_NewRef(caller) : NULL;
}
