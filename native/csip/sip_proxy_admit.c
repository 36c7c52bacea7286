/* A request on its way in: from the server transaction to the application, or within a dialog of ours right on (RFC 3261 sections
 * 16.3 and 16.4). */
#include "sip_application.h"
#include "sip_cookie.h"
#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_transaction_type.h"

static const int RULED = SIP_OTHER_SCHEME | SIP_LAST_HOP | SIP_REQUIRES;

static bool is_cookie(PyObject *object) { return object && Py_IS_TYPE(object, &sip_cookie_type); }

/* --- the cookie of the dialog that a request belongs to --- */

static PyObject *top_cookie_text(MessageObject *message) {
    static struct sip_py_word word = {"c", NULL};
    PyObject *name = sip_py_text(&word);
    return name ? sip_message_route_param(message, name) : NULL;
}

/* Takes our Routes with that cookie, which is on top, off; two entries of one passage carry the same. What may follow is the Python
 * class's to look at if it has no cookie, and stays if it has another: that of another passage of a spiral. */
static int pop_own_routes(CoreObject *self, MessageObject *message, CookieObject *cookie) {
    static struct sip_py_word pop_rest = {"pop_rest", NULL};
    for (;;) {
        if (sip_py_done(sip_message_pop_route(message, NULL)) < 0) return -1;
        if (!sip_has_line(&message->core, SIP_ROUTE)) return 0;
        PyObject *text = top_cookie_text(message);
        if (!text) return -1;
        bool none = text == Py_None;
        int same = none ? 0 : PyObject_RichCompareBool(text, cookie->text, Py_EQ);
        Py_DECREF(text);
        if (same < 0) return -1;
        if (!same) return none ? sip_py_do((PyObject *)self, &pop_rest, (PyObject *)message, (PyObject *)cookie) : 0;
    }
}

/* The cookie on top when the Routes are all there is to look at; a new reference to it or None. */
static PyObject *plain_cookie(CoreObject *self, MessageObject *message, uint32_t traits) {
    if ((traits & (SIP_ROUTED | SIP_URI_DIRECTS)) != SIP_ROUTED) Py_RETURN_NONE;
    PyObject *text = top_cookie_text(message);
    if (!text || text == Py_None) return text;
    PyObject *cookie = sip_cookie_read(self->cookie_keys, text, message);
    Py_DECREF(text);
    if (is_cookie(cookie) && pop_own_routes(self, message, (CookieObject *)cookie) < 0) Py_CLEAR(cookie);
    return cookie;
}

/* What the Python class says of it. */
static PyObject *ask_for_cookie(CoreObject *self, struct sip_py_word *method, MessageObject *message, PyObject *flow) {
    PyObject *said = sip_py_call((PyObject *)self, method, (PyObject *)message, flow);
    if (!said || said == Py_None || is_cookie(said)) return said;
    Py_DECREF(said);
    return PyErr_Format(PyExc_TypeError, "%s: a Cookie or None expected", method->text);
}

PyObject *sip_core_cookie(CoreObject *self, MessageObject *message, uint32_t traits, PyObject *flow, PyObject **loop_hash) {
    static struct sip_py_word preprocess = {"preprocess", NULL}, find_dialog = {"find_dialog", NULL};
    PyObject *cookie = plain_cookie(self, message, traits);
    if (cookie != Py_None) return cookie;
    Py_DECREF(cookie);
    if (loop_hash && !(*loop_hash = sip_message_loop_hash(message, NULL))) return NULL;
    cookie = Py_NewRef(Py_None);
    if (traits & (SIP_ROUTED | SIP_URI_DIRECTS)) Py_SETREF(cookie, ask_for_cookie(self, &preprocess, message, flow));
    if (cookie == Py_None && traits & SIP_IN_DIALOG)
        Py_SETREF(cookie, sip_application_find_unrouted(self->app, self->cookie_keys, message, flow));
    if (cookie == Py_None && traits & SIP_IN_DIALOG)
        Py_SETREF(cookie, ask_for_cookie(self, &find_dialog, message, flow));
    return cookie;
}

/* --- admission --- */

int sip_core_check(CoreObject *self, MessageObject *message, uint32_t *traits) {
    static struct sip_py_word apply_rules = {"apply_rules", NULL};
    struct sip_fault fault = sip_check(&message->core, traits);
    if (fault.error != SIP_OK) {
        sip_py_fault(fault, NULL);
        return -1;
    }
    if (!(*traits & RULED)) return 0;
    PyObject *number = PyLong_FromUnsignedLong(*traits);
    int result = number ? sip_py_do((PyObject *)self, &apply_rules, (PyObject *)message, number) : -1;
    Py_XDECREF(number);
    return result;
}

static int set_breadth(CoreObject *self, InboundObject *request, uint32_t traits) {
    static struct sip_py_word breadth_of = {"breadth_of", NULL};
    request->breadth = (int)self->max_breadth;
    if (!(traits & SIP_HAS_BREADTH)) return 0;
    PyObject *number = sip_py_call((PyObject *)self, &breadth_of, request->message, NULL);
    request->breadth = number ? (int)PyLong_AsLong(number) : -1;
    Py_XDECREF(number);
    return PyErr_Occurred() ? -1 : 0;
}

/* A request outside any dialog may come back to us. What belongs to one goes one way and can't multiply (RFC 5393 section 4.1). */
static int look_for_loop(CoreObject *self, InboundObject *request, uint32_t traits, PyObject *loop_hash) {
    static struct sip_py_word refuse_loop = {"refuse_loop", NULL};
    Py_SETREF(request->loop_hash, Py_NewRef(loop_hash));
    Py_ssize_t passed = traits & SIP_SEVERAL_VIAS ? 1
        : PyUnicode_Tailmatch(((TransactionObject *)request->transaction)->key, self->branch_prefix, 0, PY_SSIZE_T_MAX, -1);
    return passed <= 0 ? (int)passed : sip_py_do((PyObject *)self, &refuse_loop, (PyObject *)request, NULL);
}

/* Whether it may be for the node itself, and nobody has said which way it goes or went. */
static bool may_be_for_us(const MessageObject *message, uint32_t traits) {
    if (traits & (SIP_ROUTED | SIP_URI_DIRECTS | SIP_IN_DIALOG)) return false;
    return sip_py_is_method(message->method, SIP_REGISTER) || sip_py_is_method(message->method, SIP_OPTIONS);
}

/* What tells the request from every other, and the dialog it belongs to. */
static int identify(CoreObject *self, InboundObject *request, uint32_t traits) {
    MessageObject *message = (MessageObject *)request->message;
    PyObject *loop_hash = NULL;
    PyObject *identity = sip_message_identity(message, NULL);
    if (!identity) return -1;
    Py_SETREF(request->identity, identity);
    if (set_breadth(self, request, traits) < 0) return -1;
    PyObject *cookie = sip_core_cookie(self, message, traits, request->flow, &loop_hash);
    int result = !cookie ? -1 : cookie == Py_None ? look_for_loop(self, request, traits, loop_hash) : 0;
    if (cookie) Py_SETREF(request->cookie, cookie);
    Py_XDECREF(loop_hash);
    return result;
}

/* 1 when it has been served: what is for the node itself needs nothing that only forwarding does. */
static int admit(CoreObject *self, InboundObject *request) {
    MessageObject *message = (MessageObject *)request->message;
    uint32_t traits;
    if (sip_core_check(self, message, &traits) < 0) return -1;
    int served = may_be_for_us(message, traits) ? sip_application_serve_early(self->app, request) : 0;
    return served ? served : identify(self, request, traits);
}

/* --- within a dialog --- */

/* The target of a request that goes where its URI says, or over that flow. */
static PyObject *make_target(CoreObject *self, MessageObject *message, PyObject *flow) {
    static PyObject *names;
    if (!names && !(names = Py_BuildValue("(s)", "flow"))) return NULL;
    PyObject *uri = sip_message_request_uri_text(message, NULL);
    PyObject *args[] = {uri, flow}, *target = uri ? PyObject_Vectorcall(self->target_class, args, 1, names) : NULL;
    Py_XDECREF(uri);
    return target;
}

bool sip_may_be_gruu(const struct sip_message *message) {
    struct sip_slice uri = sip_message_uri(message);
    return memmem(uri.at, uri.size, ";gr", 3) && !sip_has_line(message, SIP_ROUTE);
}

/* NULL without an exception: the request is answered. */
static PyObject *find_target(CoreObject *self, InboundObject *request, CookieObject *cookie) {
    static struct sip_py_word instance_target = {"instance_target", NULL}, flow_gone = {"flow_gone", NULL},
        serve_own_uri = {"serve_own_uri", NULL};
    MessageObject *message = (MessageObject *)request->message;
    PyObject *target = NULL, *flow = Py_NewRef(Py_None);
    if (sip_may_be_gruu(&message->core)) {
        target = sip_py_call((PyObject *)self, &instance_target, (PyObject *)message, (PyObject *)cookie);
        if (target != Py_None) goto done;
        Py_CLEAR(target);
    }
    PyObject *token = sip_cookie_flow_token(cookie, message);
    if (!token) goto done;
    bool fixed = PyUnicode_GET_LENGTH(token);
    if (fixed) Py_SETREF(flow, sip_flow_of_token(self->flows, token));
    Py_DECREF(token);
    if (!flow) goto done;
    if (fixed && flow == Py_None) {
        sip_py_do((PyObject *)self, &flow_gone, (PyObject *)request, NULL);
        goto done;
    }
    int own = fixed || sip_has_line(&message->core, SIP_ROUTE) ? 0 : sip_core_owns_uri(self, message);
    if (own > 0) sip_py_do((PyObject *)self, &serve_own_uri, (PyObject *)request, NULL);
    if (own == 0) target = make_target(self, message, flow);
done:
    Py_XDECREF(flow);
    return target;
}

/* By Route, Request-URI or the flow of a side behind NAT, without policy. */
static int continue_dialog(CoreObject *self, InboundObject *request) {
    static struct sip_py_word on_dialog_request = {"on_dialog_request", NULL};
    CookieObject *cookie = (CookieObject *)request->cookie;
    PyObject *target = find_target(self, request, cookie);
    if (!target) return PyErr_Occurred() ? -1 : 0;
    PyObject *exchange = sip_py_call(self->app, &on_dialog_request, (PyObject *)request, (PyObject *)cookie);
    int result = exchange ? 0 : -1;
    if (exchange && !request->status) result = sip_inbound_forward(request, target, exchange);
    Py_XDECREF(exchange);
    Py_DECREF(target);
    return result;
}

/* --- sipcore.ports.TransactionUser --- */

PyObject *sip_core_on_request(CoreObject *self, PyObject *transaction) {
    static struct sip_py_word on_request = {"on_request", NULL}, not_admitted = {"not_admitted", NULL};
    if (!sip_py_is_a(transaction, &sip_server_type)) return PyErr_Format(PyExc_TypeError, "a server transaction expected");
    TransactionObject *server = (TransactionObject *)transaction;
    PyTypeObject *class = sip_proxy_class(self->inbound_class, &sip_inbound_type);
    if (!class || !server->request) return class ? PyErr_Format(PyExc_ValueError, "a request that is answered") : NULL;
    InboundObject *request = sip_inbound_new(class, self, transaction, (MessageObject *)server->request, server->flow);
    if (!request) return NULL;
    if (sip_py_is_method(((MessageObject *)server->request)->method, SIP_INVITE))
        Py_XSETREF(server->owner, Py_NewRef(request)); /* a CANCEL may name it */
    int result = admit(self, request);
    if (result < 0) result = sip_proxy_hand_over((PyObject *)self, &not_admitted, (PyObject *)request);
    else if (result) result = 0;
    else if (is_cookie(request->cookie)) result = continue_dialog(self, request);
    else result = sip_py_do(self->app, &on_request, (PyObject *)request, NULL);
    Py_DECREF(request);
    return sip_py_none(result);
}
