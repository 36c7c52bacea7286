/* A request outside any dialog: a call that goes where calls went before. */
#include "sip_application.h"
#include "sip_bound.h"
#include "sip_chars.h"
#include "sip_flow.h"
#include "sip_py.h"
#include "sip_store.h"

/* "none" asks for nothing (RFC 3323 section 4.2). */
static bool asks_for_privacy(const struct sip_message *core) {
    struct sip_scratch scratch;
    struct sip_wanted wanted = {.id = SIP_PRIVACY};
    SIP_EACH_LINE(i, core, wanted)
        if (!sip_same_nocase(sip_line_text(core, &core->lines[i], &scratch), SIP_TEXT("none"))) return true;
    return false;
}

/* An INVITE that begins a call, and says nothing of who calls but From. */
static bool begins_plainly(const MessageObject *message) {
    struct sip_scratch scratch;
    struct sip_slice tag;
    const struct sip_message *core = &message->core;
    if (!sip_py_is_method(message->method, SIP_INVITE) || sip_message_is_sips(message)) return false;
    if (sip_read_tag(core, SIP_TO, &scratch, &tag).error != SIP_OK || tag.at) return false;
    return !sip_has_line(core, SIP_P_ASSERTED_IDENTITY) && !sip_has_line(core, SIP_P_PREFERRED_IDENTITY) &&
           !asks_for_privacy(core);
}

/* What the dict has for an attribute of the message; borrowed, NULL when there is none or with an exception. */
static PyObject *known(PyObject *dict, MessageObject *message, struct sip_py_word *attribute) {
    PyObject *text = sip_py_get((PyObject *)message, attribute);
    PyObject *found = text ? PyDict_GetItemWithError(dict, text) : NULL;
    Py_XDECREF(text);
    return found;
}

/* In the transaction that will keep the call. */
static PyObject *stored_record(TableObject *locations, PyObject *aor) {
    return sip_environment_intend(locations->environment) < 0 ? NULL : sip_table_record(locations, aor);
}

/* The stored record of the called account, bytes, or None. */
static PyObject *record_of(ApplicationObject *self, PyObject *hop) {
    static struct sip_py_word word_aor = {"aor", NULL}, word_record = {"record", NULL};
    PyObject *aor = sip_py_get(hop, &word_aor), *record = NULL;
    bool stored = sip_py_is_a(self->locations, &sip_table_type);
    if (aor && sip_is_empty(aor)) record = Py_NewRef(Py_None);
    else if (aor) record = stored ? stored_record((TableObject *)self->locations, aor) : sip_py_call(self->locations, &word_record, aor, NULL);
    Py_XDECREF(aor);
    return record;
}

/* Whether it is one that the request may leave for as it is: 1 or 0, -1 with an exception. */
static int is_plain(PyObject *target) {
    static struct sip_py_word word_uri = {"uri", NULL};
    PyObject *uri = sip_py_get(target, &word_uri);
    int plain = !uri ? -1 : PyUnicode_Check(uri) && PyUnicode_GET_LENGTH(uri) > 4 && PyUnicode_READ_CHAR(uri, 3) == ':';
    Py_XDECREF(uri);
    return plain;
}

/* As is_plain, of all of a list. */
static int are_plain(PyObject *targets) {
    int plain = 1;
    for (Py_ssize_t i = 0; plain > 0 && i < PyList_GET_SIZE(targets); i++) plain = is_plain(PyList_GET_ITEM(targets, i));
    return plain;
}

/* Where the called account is: a list of targets to try at once, or None when they are not all plain. */
static PyObject *phones_of(ApplicationObject *self, InboundObject *request, PyObject *hop) {
    CoreObject *core = (CoreObject *)request->core;
    PyObject *record = record_of(self, hop), *targets = record;
    if (record && PyBytes_Check(record)) {
        targets = sip_bound_targets(record, sip_clock_wall(self->timers), core->flows, core->target_class);
        Py_DECREF(record);
    }
    int plain = !targets ? -1 : targets == Py_None ? 1 : are_plain(targets);
    if (plain < 0) Py_CLEAR(targets);
    if (plain == 0) Py_SETREF(targets, Py_NewRef(Py_None));
    return targets;
}

/* --- the call --- */

/* What is done with its media, or None; NULL with an exception. */
static PyObject *media_of(ApplicationObject *self, InboundObject *request) {
    if (self->glue == Py_None) return Py_NewRef(Py_None);
    PyTypeObject *class = sip_proxy_class(self->media_class, &sip_invite_media_type);
    int natted = class ? sip_inbound_natted(request) : -1;
    PyObject *host = natted < 0 ? NULL : sip_flow_remote_host(request->flow);
    InviteMediaObject *media = NULL;
    if (host) media = sip_invite_media_new(class, self->glue, (MessageObject *)request->message, host, natted, NULL);
    Py_XDECREF(host);
    return (PyObject *)media;
}

static InviteExchangeObject *exchange_of(ApplicationObject *self, InboundObject *request, PyObject *key, bool by_trunk) {
    PyTypeObject *class = sip_proxy_class(self->invite_class, &sip_invite_exchange_type);
    PyObject *media = class ? media_of(self, request) : NULL;
    InviteExchangeObject *exchange = media ? sip_invite_exchange_new(class, self->services, key, media, by_trunk) : NULL;
    Py_XDECREF(media);
    return exchange;
}

/* The call is kept before its INVITE leaves. */
static InviteExchangeObject *begin(ApplicationObject *self, InboundObject *request, struct sip_call_plan *plan, bool by_trunk) {
    PyObject *key = sip_inbound_call_key(request);
    InviteExchangeObject *exchange = key ? exchange_of(self, request, key, by_trunk) : NULL;
    if (!exchange) return NULL;
    CallsObject *calls = (CallsObject *)exchange->calls;
    plan->is_relayed = calls->relayed;
    CallRecordObject *record = sip_call_begun_by((PyObject *)request, plan);
    if (!record || sip_calls_begin(calls, key, record, (PyObject *)request) < 0) Py_CLEAR(exchange);
    Py_XDECREF(record);
    return exchange;
}

static int send_to(ApplicationObject *self, InboundObject *request, PyObject *targets, struct sip_call_plan *plan, bool by_trunk) {
    if (sip_application_look_at_sender(self, request, plan->caller) < 0) return -1;
    PyObject *exchange = (PyObject *)begin(self, request, plan, by_trunk);
    int result = !exchange ? -1 : by_trunk ? sip_inbound_forward_in_turn(request, targets, exchange) : sip_inbound_fork(request, targets, exchange);
    Py_XDECREF(exchange);
    return result;
}

/* Whether their media is nothing to ask for: 1 or 0, -1 with an exception. That of a trunk is looked at with the rest of it. */
static int media_passes(ApplicationObject *self, PyObject *caller, PyObject *hop) {
    static struct sip_py_word aor = {"aor", NULL};
    PyObject *parties[] = {caller, hop};
    int passes = 1;
    if (self->glue == Py_None) return 1;
    for (size_t i = 0; passes == 1 && i < 2; i++) {
        PyObject *who = sip_py_get(parties[i], &aor);
        passes = !who ? -1 : sip_is_empty(who) ? 1 : PySet_Contains(self->passing, who);
        Py_XDECREF(who);
    }
    return passes;
}

/* Between these two, if it needs no closer look. */
static int connect_plainly(ApplicationObject *self, InboundObject *request, PyObject *caller, PyObject *hop, PyObject *ways) {
    static struct sip_py_word route = {"route", NULL};
    struct sip_call_plan plan = {.caller = caller, .hop = hop, .started_at = sip_clock_wall(self->timers)};
    bool by_trunk = PyTuple_GET_SIZE(ways);
    int passes = media_passes(self, caller, hop);
    if (passes > 0) passes = sip_application_pass(self, (MessageObject *)request->message, caller, hop, by_trunk);
    PyObject *targets = passes < 0 ? NULL : !passes ? Py_NewRef(Py_None) : by_trunk ? sip_application_in_turn(self, hop, ways) : phones_of(self, request, hop);
    int result = targets ? 0 : -1;
    if (targets == Py_None) result = sip_py_do((PyObject *)self, &route, (PyObject *)request, caller);
    else if (targets) result = send_to(self, request, targets, &plan, by_trunk);
    Py_XDECREF(targets);
    return result;
}

static int connect(ApplicationObject *self, InboundObject *request, PyObject *caller, PyObject *hop) {
    static struct sip_py_word word_ways = {"ways", NULL};
    PyObject *ways = sip_py_get(hop, &word_ways);
    bool known = ways && PyTuple_Check(ways);
    if (ways && !known) PyErr_SetString(PyExc_TypeError, "the ways of a hop are a tuple");
    int result = known ? connect_plainly(self, request, caller, hop, ways) : -1;
    Py_XDECREF(ways);
    return result;
}

/* --- who calls whom --- */

/* Whom it calls, if that was asked before; borrowed, NULL when it wasn't or with an exception. */
static PyObject *find_called(ApplicationObject *self, InboundObject *request, PyObject *caller) {
    static struct sip_py_word active = {"active", NULL}, request_uri_text = {"request_uri_text", NULL};
    if (sip_py_is(self->policy, &active)) return NULL;
    PyObject *hop = known(self->called, (MessageObject *)request->message, &request_uri_text);
    return hop || PyErr_Occurred() ? hop : sip_application_called_from(self, request, caller);
}

/* A call of a caller who is known. */
static int lead(ApplicationObject *self, InboundObject *request, PyObject *caller) {
    static struct sip_py_word route = {"route", NULL};
    PyObject *hop = Py_XNewRef(find_called(self, request, caller));
    if (!hop && PyErr_Occurred()) return -1;
    int result = hop ? connect(self, request, caller, hop) : sip_py_do((PyObject *)self, &route, (PyObject *)request, caller);
    Py_XDECREF(hop);
    return result;
}

static int serve(ApplicationObject *self, InboundObject *request) {
    static struct sip_py_word dispatch = {"dispatch", NULL};
    MessageObject *message = (MessageObject *)request->message;
    PyObject *caller = NULL;
    int own = message ? sip_application_serve_self(self, request) : 0;
    if (own) return own < 0 ? -1 : 0;
    enum sip_way way = SIP_WAY_OTHER;
    if (message && self->authorizer != Py_None && begins_plainly(message))
        way = sip_authorizer_caller((AuthorizerObject *)self->authorizer, request, sip_clock_wall(self->timers), &caller);
    if (way == SIP_WAY_OTHER) return sip_py_do((PyObject *)self, &dispatch, (PyObject *)request, NULL);
    int result = way == SIP_WAY_PLAIN ? lead(self, request, caller) : way == SIP_WAY_DONE ? 0 : -1;
    Py_XDECREF(caller);
    return result;
}

int sip_application_not_served(PyObject *application, InboundObject *request) {
    static struct sip_py_word not_served = {"not_served", NULL};
    return sip_proxy_hand_over(application, &not_served, (PyObject *)request);
}

PyObject *sip_application_on_request(ApplicationObject *self, PyObject *request) {
    if (!sip_py_is_a(request, &sip_inbound_type)) return PyErr_Format(PyExc_TypeError, "an InboundRequest expected");
    int result = serve(self, (InboundObject *)request);
    if (result < 0) result = sip_application_not_served((PyObject *)self, (InboundObject *)request);
    return sip_py_none(result);
}
