/* Challenges, and the credentials that answer them (RFC 3261 section 22). */
#include "sip_authorizer.h"

#include "sip_flow.h"

struct sip_challenger sip_as_registrar = {401, SIP_WWW_AUTHENTICATE, SIP_AUTHORIZATION, {"sip_registrations_total|status=401", NULL}};
struct sip_challenger sip_as_proxy = {407, SIP_PROXY_AUTHENTICATE, SIP_PROXY_AUTHORIZATION, {"sip_refused_total|status=407", NULL}};

/* --- the challenge --- */

/* What a client can read of several algorithms, strongest first (RFC 8760 section 2.4). */
static PyObject *offered(AuthorizerObject *self, DigestObject *digest, PyObject *message) {
    static struct sip_py_word word_algorithms = {"algorithms", NULL};
    if (PyTuple_GET_SIZE(digest->algorithms) == 1) return Py_NewRef(digest->algorithms);
    PyObject *algorithms = sip_py_call(self->challenges, &word_algorithms, message, digest->algorithms);
    if (!algorithms || PyTuple_Check(algorithms)) return algorithms;
    Py_DECREF(algorithms);
    return PyErr_Format(PyExc_TypeError, "algorithms: a tuple expected");
}

int sip_authorizer_challenge(AuthorizerObject *self, InboundObject *request, DigestObject *digest, struct sip_challenger *as, double now) {
    static struct sip_py_word missing = {"sip_authorizations_total|outcome=missing", NULL};
    SIP_STACK_BUFFER(lines);
    PyObject *algorithms = offered(self, digest, request->message);
    if (!algorithms) return -1;
    int result = sip_digest_add_challenges(digest, &lines, sip_name_text(as->challenge), algorithms, now);
    Py_DECREF(algorithms);
    if (result == 0) result = sip_py_count_word(self->counters, &missing);
    if (result == 0) result = sip_py_count_word(self->counters, &as->refused);
    bool acknowledged = sip_py_is_method(((MessageObject *)request->message)->method, SIP_INVITE);
    if (result == 0) result = (acknowledged ? sip_inbound_answer : sip_inbound_answer_once)(request, as->status, &lines);
    sip_buffer_free(&lines);
    return result;
}

/* --- the answer --- */

static int exempts(AuthorizerObject *self, PyObject *host) { return sip_py_truth(PyObject_CallOneArg(self->is_exempt, host)); }

int sip_authorizer_exempts(AuthorizerObject *self, InboundObject *request) {
    PyObject *host = sip_flow_remote_host(request->flow);
    int is = host ? exempts(self, host) : -1;
    Py_XDECREF(host);
    return is;
}

/* What the back-off knows a source by, or None for one that may fail as often as it likes. */
static PyObject *who_is(AuthorizerObject *self, InboundObject *request, PyObject *aor) {
    if (self->backoff == Py_None) return Py_NewRef(Py_None);
    PyObject *host = sip_flow_remote_host(request->flow);
    int exempt = host ? exempts(self, host) : -1;
    PyObject *who = exempt < 0 ? NULL : exempt ? Py_NewRef(Py_None) : PyTuple_Pack(2, host, aor);
    Py_XDECREF(host);
    return who;
}

/* Whether it is in no pause after wrong passwords: 1 or 0, -1 with an exception. */
static int may_try(AuthorizerObject *self, PyObject *who, double now) {
    double left_s = who == Py_None ? 0 : sip_backoff_pause_left_s((BackoffObject *)self->backoff, who, now);
    return left_s < 0 ? -1 : left_s == 0;
}

/* It could read the challenge. */
static int understood(AuthorizerObject *self, PyObject *message) {
    PyObject *call_id = sip_message_call_id((MessageObject *)message, NULL);
    int result = call_id ? sip_recent_drop((RecentObject *)self->challenged, call_id) : -1;
    Py_XDECREF(call_id);
    return result;
}

int sip_authorizer_note(AuthorizerObject *self, PyObject *message, DigestObject *digest, PyObject *who) {
    static struct sip_py_word accepted = {"sip_authorizations_total|outcome=accepted", NULL};
    if (sip_py_count_word(self->counters, &accepted) < 0) return -1;
    if (who != Py_None && self->backoff != Py_None && sip_backoff_succeeded((BackoffObject *)self->backoff, who) < 0) return -1;
    return PyTuple_GET_SIZE(digest->algorithms) == 1 || self->challenged == Py_None ? 0 : understood(self, message);
}

PyObject *sip_authorizer_username(
    AuthorizerObject *self, InboundObject *request, DigestObject *digest, const struct sip_challenger *as, PyObject *aor, double now) {
    PyObject *who = who_is(self, request, aor), *username = NULL;
    int may = who ? may_try(self, who, now) : -1;
    if (may > 0) username = sip_digest_accepted(digest, (MessageObject *)request->message, as->credentials, now);
    if (username && sip_authorizer_note(self, request->message, digest, who) < 0) Py_CLEAR(username);
    Py_XDECREF(who);
    return username;
}

/* --- who calls --- */

enum claim { CLAIM_CALLER, CLAIM_AOR, CLAIM_USER, CLAIM_DIGEST, CLAIM_FIELDS }; /* of the tuple */

static bool is_claim(PyObject *claim) {
    bool is = PyTuple_Check(claim) && PyTuple_GET_SIZE(claim) == CLAIM_FIELDS && PyUnicode_Check(PyTuple_GET_ITEM(claim, CLAIM_AOR)) &&
              PyUnicode_Check(PyTuple_GET_ITEM(claim, CLAIM_USER)) && sip_py_is_a(PyTuple_GET_ITEM(claim, CLAIM_DIGEST), &sip_digest_type);
    if (!is) PyErr_SetString(PyExc_TypeError, "claims: a Claim expected");
    return is;
}

/* Digest knows a user by the user part or by the whole AOR. */
static bool is_of(PyObject *username, PyObject *claim) {
    return PyUnicode_Compare(username, PyTuple_GET_ITEM(claim, CLAIM_USER)) == 0 ||
           PyUnicode_Compare(username, PyTuple_GET_ITEM(claim, CLAIM_AOR)) == 0;
}

/* What is ours of the credentials travels no further (RFC 3261 section 22.3). */
static int consume(MessageObject *message) {
    sip_remove(&message->core, (struct sip_wanted){.id = SIP_PROXY_AUTHORIZATION});
    return sip_message_changed(message, SIP_PROXY_AUTHORIZATION);
}

/* The credentials were right. */
static enum sip_way accept(AuthorizerObject *self, InboundObject *request, PyObject *claim, PyObject *username) {
    static struct sip_py_word forbid = {"forbid", NULL};
    if (!is_of(username, claim)) return sip_py_do((PyObject *)self, &forbid, NULL, NULL) < 0 ? SIP_WAY_FAILED : SIP_WAY_OTHER;
    return consume((MessageObject *)request->message) < 0 ? SIP_WAY_FAILED : SIP_WAY_PLAIN;
}

static enum sip_way prove(AuthorizerObject *self, InboundObject *request, PyObject *claim, double now) {
    if (!is_claim(claim)) return SIP_WAY_FAILED;
    DigestObject *digest = (DigestObject *)PyTuple_GET_ITEM(claim, CLAIM_DIGEST);
    if (!sip_has_line(&((MessageObject *)request->message)->core, sip_as_proxy.credentials))
        return sip_authorizer_challenge(self, request, digest, &sip_as_proxy, now) < 0 ? SIP_WAY_FAILED : SIP_WAY_DONE;
    PyObject *username = sip_authorizer_username(self, request, digest, &sip_as_proxy, PyTuple_GET_ITEM(claim, CLAIM_AOR), now);
    if (!username) return PyErr_Occurred() ? SIP_WAY_FAILED : SIP_WAY_OTHER;
    enum sip_way way = accept(self, request, claim, username);
    Py_DECREF(username);
    return way;
}

static PyObject *found(PyObject *dict, PyObject *uri) { return Py_XNewRef(PyDict_GetItemWithError(dict, uri)); }

enum sip_way sip_authorizer_caller(AuthorizerObject *self, InboundObject *request, double now, PyObject **caller) {
    static struct sip_py_word from_uri_text = {"from_uri_text", NULL};
    PyObject *uri = sip_py_get(request->message, &from_uri_text);
    *caller = uri ? found(self->callers, uri) : NULL;
    PyObject *claim = uri && !*caller && !PyErr_Occurred() ? found(self->claims, uri) : NULL;
    Py_XDECREF(uri);
    if (!*caller && !claim && !PyErr_Occurred()) *caller = sip_authorizer_source(self, request);
    enum sip_way way = *caller ? SIP_WAY_PLAIN : claim ? prove(self, request, claim, now) : PyErr_Occurred() ? SIP_WAY_FAILED : SIP_WAY_OTHER;
    if (claim && way == SIP_WAY_PLAIN) *caller = Py_NewRef(PyTuple_GET_ITEM(claim, CLAIM_CALLER));
    Py_XDECREF(claim);
    return way;
}
