/* What belongs to a call and passes as it is: ACK for a 2xx, and the requests that are usual within one. */
#include "sip_application.h"
#include "sip_chars.h"
#include "sip_cookie.h"
#include "sip_proxy.h"
#include "sip_py.h"

#define DEFAULT_PORT 5060 /* of a URI without one */

/* The call of that cookie, if its messages pass as they are: 1 or 0, -1 with an exception. */
static int is_unedited(ApplicationObject *self, PyObject *cookie) {
    if (!Py_IS_TYPE(cookie, &sip_cookie_type) || self->trunks == Py_None) return 0;
    int edited = PySet_Contains(((CallTrunksObject *)self->trunks)->edited, ((CookieObject *)cookie)->call_key);
    return edited < 0 ? -1 : !edited;
}

/* --- where an INVITE goes --- */

/* Where its Route leads, or its Request-URI. */
static bool read_hop(const struct sip_message *core, struct sip_scratch *scratch, struct sip_uri *hop) {
    struct sip_slice text;
    struct sip_addr route;
    if (sip_read_first(core, SIP_ROUTE, scratch, &text) != SIP_OK) return sip_read_uri(core, hop).error == SIP_OK;
    bool is_read = sip_check_addr(SIP_ROUTE, text, &route) == SIP_OK;
    if (is_read) *hop = route.uri;
    return is_read;
}

/* Whether a leg uses the very address that a URI has: 1 or 0, -1 with an exception. */
static int is_at(const CallLegObject *leg, const struct sip_uri *hop) {
    struct sip_py_view host;
    if ((hop->port < 0 ? DEFAULT_PORT : hop->port) != leg->remote_port) return 0;
    if (sip_py_view(leg->remote_host, &host) < 0) return -1;
    bool same = sip_same_nocase(hop->host, host.text);
    Py_XDECREF(host.holder);
    return same;
}

/* A request that begins something may go to the other side of its call alone. */
static int goes_to_other_side(CallsObject *calls, CookieObject *cookie, MessageObject *message) {
    CallRecordObject *record = sip_calls_find(calls, cookie->call_key);
    struct sip_scratch scratch;
    struct sip_call_sides sides;
    struct sip_uri hop;
    int known = record ? sip_call_sides(record, message, &sides) : PyErr_Occurred() ? -1 : 0;
    return known > 0 ? read_hop(&message->core, &scratch, &hop) && is_at(sides.receiver, &hop) : known;
}

static int may_leave(CallsObject *calls, CookieObject *cookie, MessageObject *message) {
    if (!sip_py_is_method(message->method, SIP_INVITE)) return 1;
    PyObject *token = sip_cookie_flow_token(cookie, message);
    bool fixed = token && PyUnicode_GET_LENGTH(token);
    Py_XDECREF(token);
    return !token ? -1 : fixed ? 1 : goes_to_other_side(calls, cookie, message);
}

/* --- requests --- */

/* Of a side whose media is relayed; else None. */
static PyObject *media_of(ApplicationObject *self, InboundObject *request, CookieObject *cookie) {
    static struct sip_py_word media_within = {"media_within", NULL};
    if (self->glue == Py_None) return Py_NewRef(Py_None);
    return sip_py_call(self->services, &media_within, request->message, (PyObject *)cookie);
}

static PyObject *renegotiate(ApplicationObject *self, InboundObject *request, CookieObject *cookie) {
    PyTypeObject *class = sip_proxy_class(self->dialog_class, &sip_dialog_exchange_type);
    PyObject *media = class ? media_of(self, request, cookie) : NULL, *exchange = NULL;
    if (media) exchange = (PyObject *)sip_dialog_exchange_new(class, self->services, (PyObject *)cookie, (MessageObject *)request->message, media);
    Py_XDECREF(media);
    return exchange;
}

static PyObject *hang_up(ApplicationObject *self, InboundObject *request, CookieObject *cookie) {
    PyTypeObject *class = sip_proxy_class(self->bye_class, &sip_bye_exchange_type);
    return class ? (PyObject *)sip_bye_exchange_new(class, self->services, cookie->call_key, (MessageObject *)request->message) : NULL;
}

/* The exchange, or None. */
static PyObject *pass(ApplicationObject *self, CallsObject *calls, InboundObject *request, CookieObject *cookie) {
    static struct sip_py_word within_dialog = {"within_dialog", NULL};
    MessageObject *message = (MessageObject *)request->message;
    if (sip_py_is_method(message->method, SIP_BYE)) return hang_up(self, request, cookie);
    int may = may_leave(calls, cookie, message);
    if (may < 0) return NULL;
    if (!may) return sip_py_call((PyObject *)self, &within_dialog, (PyObject *)request, (PyObject *)cookie);
    if (sip_calls_within(calls, cookie, message) < 0) return NULL;
    return sip_py_is_method(message->method, SIP_INFO) ? Py_NewRef(Py_None) : renegotiate(self, request, cookie);
}

static bool is_usual(PyObject *request) {
    static const enum sip_method usual[] = {SIP_BYE, SIP_INVITE, SIP_UPDATE, SIP_PRACK, SIP_INFO};
    if (!sip_py_is_a(request, &sip_inbound_type) || !((InboundObject *)request)->message) return false;
    MessageObject *message = (MessageObject *)((InboundObject *)request)->message;
    bool found = false;
    for (size_t i = 0; !found && i < sizeof usual / sizeof *usual; i++) found = sip_py_is_method(message->method, usual[i]);
    return found && !sip_has_line(&message->core, SIP_P_ASSERTED_IDENTITY) && !sip_has_line(&message->core, SIP_P_PREFERRED_IDENTITY);
}

PyObject *sip_application_on_dialog_request(ApplicationObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word within_dialog = {"within_dialog", NULL};
    if (count != 2) return PyErr_Format(PyExc_TypeError, "request and cookie expected");
    int plain = is_usual(args[0]) ? is_unedited(self, args[1]) : 0;
    if (plain < 0) return NULL;
    if (!plain) return sip_py_call((PyObject *)self, &within_dialog, args[0], args[1]);
    PyObject *calls = sip_calls_of(self->services);
    PyObject *exchange = calls ? pass(self, (CallsObject *)calls, (InboundObject *)args[0], (CookieObject *)args[1]) : NULL;
    Py_XDECREF(calls);
    return exchange;
}

/* --- ACK --- */

/* Whether it may bring an answer that is to be relayed. */
static bool has_media(ApplicationObject *self, PyObject *ack) {
    bool is_bare = Py_IS_TYPE(ack, &sip_message_type) && !((MessageObject *)ack)->core.body_size;
    return !is_bare && self->glue != Py_None;
}

/* It passes as it is, and its call is confirmed. */
static PyObject *let_go(ApplicationObject *self, CookieObject *cookie, PyObject *proceed) {
    PyObject *calls = sip_calls_of(self->services);
    int result = calls ? sip_calls_confirmed((CallsObject *)calls, cookie->call_key) : -1;
    Py_XDECREF(calls);
    return result < 0 ? NULL : sip_ack_proceed(proceed);
}

PyObject *sip_application_on_ack(ApplicationObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word acknowledge = {"acknowledge", NULL};
    if (count != 3) return PyErr_Format(PyExc_TypeError, "request, cookie and proceed expected");
    int plain = has_media(self, args[0]) ? 0 : is_unedited(self, args[1]);
    if (plain < 0) return NULL;
    if (plain) return let_go(self, (CookieObject *)args[1], args[2]);
    PyObject *with_self[] = {(PyObject *)self, args[0], args[1], args[2]};
    return sip_py_call_with(&acknowledge, with_self, 4);
}
