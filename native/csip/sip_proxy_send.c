/* A request on its way out: from the target to the client transaction (RFC 3261 section 16.6). */
#include "sip_chars.h"
#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_resolver.h"
#include "sip_transaction.h"

static struct sip_py_word word_uri = {"uri", NULL}, word_routes = {"routes", NULL}, word_headers = {"headers", NULL},
    word_flow = {"flow", NULL}, word_secure = {"secure", NULL}, word_first_response = {"first_response_s", NULL};

/* --- items 1 to 3 and 6: the request as it leaves --- */

/* Whether a target's URI has what a Request-URI may not have. */
static bool needs_cleaning(struct sip_slice uri) {
    if (memchr(uri.at, '?', uri.size)) return true;
    for (const char *at = uri.at; (at = memchr(at, ';', (size_t)(uri.at + uri.size - at))); at++)
        if ((size_t)(uri.at + uri.size - at) > 8 && sip_same_nocase((struct sip_slice){at, 8}, SIP_TEXT(";method="))) return true;
    return false;
}

/* The target's URI, which may be the received one; a new reference. */
static PyObject *clean_uri(BranchObject *self, const struct sip_message *received) {
    static struct sip_py_word request_uri = {"request_uri", NULL};
    PyObject *uri = sip_py_get(self->target, &word_uri), *clean = NULL;
    struct sip_py_view view;
    if (!uri || sip_py_view(uri, &view) < 0) goto done;
    bool as_it_is = sip_same(view.text, sip_message_uri(received)) || !needs_cleaning(view.text);
    Py_XDECREF(view.holder);
    clean = as_it_is ? Py_NewRef(uri) : sip_py_call((PyObject *)self, &request_uri, uri, NULL);
done:
    Py_XDECREF(uri);
    return clean;
}

/* Whether the target's tuple of that name has something in it; -1 with an exception. */
static int has_any(BranchObject *self, struct sip_py_word *name) {
    PyObject *tuple = sip_py_get(self->target, name);
    Py_ssize_t size = tuple ? PyObject_Size(tuple) : -1;
    Py_XDECREF(tuple);
    return size < 0 ? -1 : size > 0;
}

static int dress(BranchObject *self) {
    static struct sip_py_word add_headers = {"add_headers", NULL};
    int routes = has_any(self, &word_routes), headers = routes < 0 ? -1 : has_any(self, &word_headers);
    return headers < 0 ? -1 : routes || headers ? sip_py_do((PyObject *)self, &add_headers, NULL, NULL) : 0;
}

/* Makes self->request; the URI to resolve, a new reference. */
static PyObject *prepare(BranchObject *self) {
    static struct sip_py_word find_hop = {"find_hop", NULL};
    InboundObject *inbound = sip_request_of(self);
    if (!inbound->message) return PyErr_Format(PyExc_AttributeError, "the request is over");
    MessageObject *received = (MessageObject *)inbound->message;
    PyObject *uri = clean_uri(self, &received->core);
    MessageObject *message = uri ? sip_message_leaving(received, uri, sip_core_of(self)->max_forwards, (uint32_t)sip_context_of(self)->share)
                                 : NULL;
    Py_XDECREF(uri);
    if (!message) return NULL;
    Py_XSETREF(self->request, (PyObject *)message);
    int secure = dress(self) < 0 ? -1 : sip_py_is(self->target, &word_secure);
    if (secure < 0) return NULL;
    if (secure || sip_has_line(&message->core, SIP_ROUTE)) return sip_py_call((PyObject *)self, &find_hop, NULL, NULL);
    return sip_message_request_uri(message, NULL);
}

/* --- item 10 --- */

static int send(BranchObject *self) {
    static struct sip_py_word not_sent = {"not_sent", NULL};
    if (self->status) return 0; /* cancelled meanwhile */
    PyObject *silence = sip_py_get(self->target, &word_first_response), *fixed = silence ? sip_py_get(self->target, &word_flow) : NULL;
    int result = fixed ? 0 : -1;
    if (result == 0 && silence != Py_None) result = sip_branch_start_silence(self, silence);
    if (result == 0) {
        PyObject *transaction = sip_layer_request(sip_core_of(self)->transactions, self->request, self->flow, (PyObject *)self, fixed != Py_None);
        if (transaction) Py_XSETREF(self->transaction, transaction);
        else result = sip_proxy_hand_over((PyObject *)self, &not_sent, NULL);
    }
    Py_XDECREF(silence);
    Py_XDECREF(fixed);
    return result;
}

/* The target may ask for TLS, or its URI or the one received. */
static int may_leave(BranchObject *self, PyObject *flow) {
    static struct sip_py_word word_is_secure = {"is_secure_way", NULL};
    InboundObject *inbound = sip_request_of(self);
    bool sips = sip_message_is_sips((MessageObject *)self->request) ||
                (inbound->message && sip_message_is_sips((MessageObject *)inbound->message));
    int secure = sips ? 1 : sip_py_is(self->target, &word_secure);
    if (secure <= 0) return secure < 0 ? -1 : 1;
    return sip_py_truth(sip_py_call((PyObject *)self, &word_is_secure, flow, NULL));
}

static int leave(BranchObject *self, PyObject *flow) {
    static struct sip_py_word request_out = {"request_out", NULL};
    ContextObject *context = sip_context_of(self);
    int closed = sip_flow_is_closed(flow), allowed = closed < 0 ? -1 : closed ? 0 : may_leave(self, flow);
    if (allowed < 0) return -1;
    if (!allowed) return closed ? sip_branch_fail(self, 503, "Flow Closed") : sip_branch_fail(self, 480, "No Secure Way"); /* section 26.2.2 */
    Py_XSETREF(self->flow, Py_NewRef(flow));
    if (sip_branch_add_ourselves(self) < 0) return -1;
    if (context->exchange == Py_None) return send(self);
    if (!context->looks_on) return sip_branch_show_request(self);
    if (context->sees & SIP_SEES_REQUESTS && sip_exchange_shown(self, &request_out, self->request, NULL) < 0) return -1;
    return send(self);
}

/* --- from the target to the flow --- */

static int reach(BranchObject *self, PyObject *destinations) {
    static struct sip_py_word unresolvable = {"unresolvable", NULL}, not_started = {"not_started", NULL};
    if (self->status) return 0; /* cancelled while the name was looked up */
    Py_ssize_t count = PySequence_Size(destinations);
    if (count <= 0) return count < 0 ? -1 : sip_py_do((PyObject *)self, &unresolvable, NULL, NULL);
    PyObject *rest = count > 1 ? PySequence_GetSlice(destinations, 1, count) : PyTuple_New(0), *first = rest ? PySequence_GetItem(destinations, 0) : NULL;
    if (rest) Py_XSETREF(self->destinations, rest);
    PyObject *listener = first ? sip_flow_listener(sip_request_of(self)->flow) : NULL;
    if (!listener) {
        Py_XDECREF(first);
        return -1;
    }
    PyObject *flow = sip_flow_to(sip_core_of(self)->flows, first, listener);
    Py_DECREF(first);
    Py_DECREF(listener);
    int result = flow ? leave(self, flow) : sip_proxy_hand_over((PyObject *)self, &not_started, NULL);
    Py_XDECREF(flow);
    return result;
}

static int resolve(BranchObject *self, PyObject *hop) {
    static struct sip_py_word word_reach = {"reach", NULL};
    PyObject *destinations = sip_resolve(sip_core_of(self)->resolver, hop, (PyObject *)self, &word_reach);
    int result = !destinations ? -1 : destinations == Py_None ? 0 : reach(self, destinations);
    Py_XDECREF(destinations);
    return result;
}

static int start(BranchObject *self) {
    static struct sip_py_word not_started = {"not_started", NULL};
    PyObject *hop = prepare(self), *flow = hop ? sip_py_get(self->target, &word_flow) : NULL;
    int result = -1;
    if (!hop) result = sip_proxy_hand_over((PyObject *)self, &not_started, NULL);
    else if (flow && flow != Py_None) result = leave(self, flow);
    else if (flow && self->destinations != Py_None) result = reach(self, self->destinations);
    else if (flow) result = resolve(self, hop);
    Py_XDECREF(flow);
    Py_XDECREF(hop);
    return result;
}

PyObject *sip_branch_start(BranchObject *self, PyObject *unused) {
    static struct sip_py_word a_request = {"a request", NULL};
    (void)unused;
    return sip_py_none(sip_branch_mended(self, &a_request, start(self)));
}

/* One that has ended does nothing of what is left. */
static bool may_go_on(BranchObject *self) {
    bool may = self->status || (self->request && self->request != Py_None);
    if (!may) PyErr_SetString(PyExc_ValueError, "a branch that was not started");
    return may;
}

PyObject *sip_branch_reach(BranchObject *self, PyObject *destinations) {
    static struct sip_py_word a_next_hop = {"a next hop", NULL};
    if (!may_go_on(self)) return NULL;
    return sip_py_none(sip_branch_mended(self, &a_next_hop, reach(self, destinations)));
}

PyObject *sip_branch_send(BranchObject *self, PyObject *unused) {
    static struct sip_py_word a_request = {"a request let through", NULL};
    (void)unused;
    if (!may_go_on(self)) return NULL;
    return sip_py_none(sip_branch_mended(self, &a_request, send(self)));
}
