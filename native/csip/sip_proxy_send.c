/* A request on its way out: from the target to the client transaction (RFC 3261 section 16.6). */
#include "sip_chars.h"
#include "sip_flow.h"
#include "sip_mac.h"
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_transaction.h"

static struct sip_py_word word_uri = {"uri", NULL}, word_routes = {"routes", NULL}, word_headers = {"headers", NULL},
    word_flow = {"flow", NULL}, word_secure = {"secure", NULL}, word_first_response = {"first_response_s", NULL},
    word_listener = {"listener", NULL};

static InboundObject *inbound_of(const BranchObject *self) { return sip_inbound_of(sip_context_of(self)); }
static CoreObject *core_of(const BranchObject *self) { return (CoreObject *)inbound_of(self)->core; }

static int fail(BranchObject *self, int status, const char *reason) {
    static struct sip_py_word word_fail = {"fail", NULL};
    PyObject *number = PyLong_FromLong(status), *text = PyUnicode_FromString(reason);
    int result = number && text ? sip_py_do((PyObject *)self, &word_fail, number, text) : -1;
    Py_XDECREF(number);
    Py_XDECREF(text);
    return result;
}

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
    static struct sip_py_word find_hop = {"find_hop", NULL}, request_uri = {"request_uri", NULL};
    InboundObject *inbound = inbound_of(self);
    if (!inbound->message) return PyErr_Format(PyExc_AttributeError, "the request is over");
    MessageObject *received = (MessageObject *)inbound->message;
    PyObject *uri = clean_uri(self, &received->core);
    MessageObject *message = uri ? sip_message_leaving(received, uri, core_of(self)->max_forwards, (uint32_t)sip_context_of(self)->share)
                                 : NULL;
    Py_XDECREF(uri);
    if (!message) return NULL;
    Py_XSETREF(self->request, (PyObject *)message);
    int secure = dress(self) < 0 ? -1 : sip_py_is(self->target, &word_secure);
    if (secure < 0) return NULL;
    if (secure || sip_has_line(&message->core, SIP_ROUTE)) return sip_py_call((PyObject *)self, &find_hop, NULL, NULL);
    return sip_py_get((PyObject *)message, &request_uri);
}

/* --- items 4 and 8: what we add --- */

/* Behind what is in `out` already. */
static int add_branch(struct sip_buffer *out, BranchObject *self) {
    enum { PREFIX, KEY_ID, CALL_ID, IDENTITY, TARGET, LOOP, TEXTS };
    InboundObject *inbound = inbound_of(self);
    CoreObject *core = core_of(self);
    static struct sip_py_word word_call_id = {"call_id", NULL};
    PyObject *call_id = sip_py_get(self->request, &word_call_id), *target = call_id ? sip_py_get(self->target, &word_uri) : NULL;
    PyObject *texts[TEXTS] = {core->branch_prefix, core->branch_key_id, call_id, inbound->identity, target, inbound->loop_hash};
    struct sip_py_view views[TEXTS];
    const uint8_t *key = target ? sip_mac_key(core->branch_mac) : NULL;
    int made = 0;
    while (key && made < TEXTS && sip_py_view(texts[made], &views[made]) == 0) made++;
    if (made == TEXTS)
        sip_add_branch(out, key, &(struct sip_branch){
            .prefix = views[PREFIX].text,
            .key_id = views[KEY_ID].text,
            .call_id = views[CALL_ID].text,
            .identity = views[IDENTITY].text,
            .target = views[TARGET].text,
            .attempt = (uint32_t)self->index,
            .loop = views[LOOP].text,
        });
    for (int i = 0; i < made; i++) Py_XDECREF(views[i].holder);
    Py_XDECREF(call_id);
    Py_XDECREF(target);
    return made == TEXTS ? 0 : -1;
}

static int push_via(BranchObject *self, PyObject *index) {
    struct sip_buffer via = {NULL, 0, 0, false};
    int result = sip_proxy_add_start(&via, core_of(self)->vias, index);
    size_t start = via.size;
    if (result == 0) result = add_branch(&via, self);
    if (result == 0) result = sip_proxy_push((MessageObject *)self->request, SIP_VIA, &via);
    PyObject *branch = result == 0 ? sip_py_str((struct sip_slice){via.at + start, via.size - start}) : NULL;
    if (branch) Py_XSETREF(self->via_branch, branch);
    sip_buffer_free(&via);
    return branch ? 0 : -1;
}

static int push_record_route(BranchObject *self, PyObject *index, PyObject *cookie) {
    struct sip_buffer value = {NULL, 0, 0, false};
    int result = sip_proxy_add_start(&value, core_of(self)->record_routes, index);
    if (result == 0) result = sip_proxy_add(&value, cookie);
    sip_add(&value, SIP_TEXT(">"));
    if (result == 0) result = sip_proxy_push((MessageObject *)self->request, SIP_RECORD_ROUTE, &value);
    sip_buffer_free(&value);
    return result;
}

/* One entry, or two when the request leaves by another listener than it came by, so that each side gets the one it can reach. */
static int push_record_routes(BranchObject *self, PyObject *far) {
    static struct sip_py_word cookie_for = {"cookie_for", NULL}, record_sips = {"record_sips", NULL};
    MessageObject *message = (MessageObject *)self->request;
    PyObject *cookie = sip_py_call(self->context, &cookie_for, self->target, self->flow);
    PyObject *near = cookie ? sip_proxy_listener(inbound_of(self)->flow) : NULL;
    int result = near ? 0 : -1;
    if (near && (sip_message_is_sips(message) || sip_has_line(&message->core, SIP_ROUTE))) {
        result = sip_py_do((PyObject *)self, &record_sips, cookie, NULL);
    } else if (near) {
        int differs = PyObject_RichCompareBool(near, far, Py_NE);
        result = differs < 0 ? -1 : push_record_route(self, near, cookie);
        if (result == 0 && differs) result = push_record_route(self, far, cookie);
    }
    Py_XDECREF(near);
    Py_XDECREF(cookie);
    return result;
}

static int add_ourselves(BranchObject *self) {
    int makes_none = PySet_Contains(core_of(self)->no_dialog, ((MessageObject *)self->request)->method);
    PyObject *index = makes_none < 0 ? NULL : sip_proxy_listener(self->flow);
    int result = index ? 0 : -1;
    if (index && !makes_none) result = push_record_routes(self, index);
    if (result == 0) result = push_via(self, index);
    Py_XDECREF(index);
    return result;
}

/* --- item 10 --- */

static int send(BranchObject *self) {
    static struct sip_py_word start_silence = {"start_silence_timer", NULL}, not_sent = {"not_sent", NULL};
    if (self->status) return 0; /* cancelled meanwhile */
    PyObject *silence = sip_py_get(self->target, &word_first_response), *fixed = silence ? sip_py_get(self->target, &word_flow) : NULL;
    int result = fixed ? 0 : -1;
    if (result == 0 && silence != Py_None) result = sip_py_do((PyObject *)self, &start_silence, NULL, NULL);
    if (result == 0) {
        PyObject *transaction = sip_layer_request(core_of(self)->transactions, self->request, self->flow, (PyObject *)self, fixed != Py_None);
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
    InboundObject *inbound = inbound_of(self);
    bool sips = sip_message_is_sips((MessageObject *)self->request) ||
                (inbound->message && sip_message_is_sips((MessageObject *)inbound->message));
    int secure = sips ? 1 : sip_py_is(self->target, &word_secure);
    if (secure <= 0) return secure < 0 ? -1 : 1;
    PyObject *answer = sip_py_call((PyObject *)self, &word_is_secure, flow, NULL);
    int result = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return result;
}

static int leave(BranchObject *self, PyObject *flow) {
    static struct sip_py_word request_out = {"request_out", NULL}, show_request = {"show_request", NULL};
    ContextObject *context = sip_context_of(self);
    int closed = sip_flow_is_closed(flow), allowed = closed < 0 ? -1 : closed ? 0 : may_leave(self, flow);
    if (allowed < 0) return -1;
    if (!allowed) return closed ? fail(self, 503, "Flow Closed") : fail(self, 480, "No Secure Way"); /* section 26.2.2 */
    Py_XSETREF(self->flow, Py_NewRef(flow));
    if (add_ourselves(self) < 0) return -1;
    if (context->exchange == Py_None) return send(self);
    if (!context->looks_on) return sip_py_do((PyObject *)self, &show_request, NULL, NULL);
    if (context->sees & SIP_SEES_REQUESTS && sip_exchange_shown(self, &request_out, self->request) < 0) return -1;
    return send(self);
}

/* --- from the target to the flow --- */

static int reach(BranchObject *self, PyObject *destinations) {
    static struct sip_py_word unresolvable = {"unresolvable", NULL}, not_started = {"not_started", NULL}, flow_to = {"flow_to", NULL};
    if (self->status) return 0; /* cancelled while the name was looked up */
    if (!self->request || self->request == Py_None) {
        PyErr_SetString(PyExc_ValueError, "a branch that was not started reaches nobody");
        return -1;
    }
    Py_ssize_t count = PySequence_Size(destinations);
    if (count <= 0) return count < 0 ? -1 : sip_py_do((PyObject *)self, &unresolvable, NULL, NULL);
    PyObject *rest = count > 1 ? PySequence_GetSlice(destinations, 1, count) : PyTuple_New(0), *first = rest ? PySequence_GetItem(destinations, 0) : NULL;
    if (rest) Py_XSETREF(self->destinations, rest);
    PyObject *listener = first ? sip_py_get(inbound_of(self)->flow, &word_listener) : NULL;
    if (!listener) {
        Py_XDECREF(first);
        return -1;
    }
    PyObject *flow = sip_py_call(core_of(self)->flows, &flow_to, first, listener);
    Py_DECREF(first);
    Py_DECREF(listener);
    int result = flow ? leave(self, flow) : sip_proxy_hand_over((PyObject *)self, &not_started, NULL);
    Py_XDECREF(flow);
    return result;
}

static int resolve(BranchObject *self, PyObject *hop) {
    static struct sip_py_word word_resolve = {"resolve", NULL}, word_reach = {"reach", NULL};
    PyObject *done = sip_py_get((PyObject *)self, &word_reach);
    PyObject *destinations = done ? sip_py_call(core_of(self)->resolver, &word_resolve, hop, done) : NULL;
    int result = !destinations ? -1 : destinations == Py_None ? 0 : reach(self, destinations);
    Py_XDECREF(destinations);
    Py_XDECREF(done);
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

static PyObject *none_or_error(int result) { return result < 0 ? NULL : Py_NewRef(Py_None); }

PyObject *sip_branch_start(BranchObject *self, PyObject *unused) {
    (void)unused;
    return none_or_error(start(self));
}

PyObject *sip_branch_reach(BranchObject *self, PyObject *destinations) { return none_or_error(reach(self, destinations)); }

PyObject *sip_branch_send(BranchObject *self, PyObject *unused) {
    (void)unused;
    return none_or_error(send(self));
}
