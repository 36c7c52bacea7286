/* native.sip.RegisteringBase: a REGISTER that is for the user of one of our domains, by its name, and either brings no credentials, or
 * right ones, or needs none. What is anything else goes to the Python class (sipmesh/signalling/registering.py). */
#include "sip_authorizer.h"
#include "sip_chars.h"
#include "sip_registering.h"
#include "sip_registrar_type.h"
#include "sip_texts.h"
#include "sip_timers_type.h"
#include "structmember.h"

typedef struct {
    PyObject_HEAD
    AuthorizerObject *authorizer;
    PyObject *accounts;   /* .has(aor) */
    TextsObject *known;   /* AORs that they had when they were asked */
    PyObject *registrar;  /* sipcore.registrar.Registrar */
    PyObject *policy;     /* .active */
    PyObject *timers, *counters;
    PyObject *domain; /* of the last request, or NULL */
} RegisteringObject;

/* Of a plain request. */
struct asked {
    InboundObject *request;
    MessageObject *message;
    PyObject *aor;
    PyObject *realm; /* a DigestObject or None */
    double now;
};

static void release(struct asked *asked) {
    Py_DECREF(asked->message);
    Py_XDECREF(asked->aor);
    Py_XDECREF(asked->realm);
}

/* --- who registers --- */

/* The domain and the user that a REGISTER names, as slices: only when it is for a domain by its name and port, and its To names a user
 * of the same. */
static bool read_names(const struct sip_message *message, struct sip_scratch *scratch, struct sip_slice *user, struct sip_slice *domain) {
    struct sip_uri uri, to;
    if (sip_read_uri(message, &uri).error != SIP_OK || uri.scheme_id != SIP_SCHEME_SIP || uri.port >= 0 || uri.host_is_ip) return false;
    if (sip_read_to_uri(message, scratch, &to).error != SIP_OK || to.scheme_id != SIP_SCHEME_SIP) return false;
    *user = to.user;
    *domain = uri.host;
    return user->size && !memchr(user->at, '%', user->size) && sip_same_nocase(to.host, uri.host);
}

static PyObject *make_aor(struct sip_slice user, PyObject *domain) {
    SIP_STACK_BUFFER(text);
    sip_add(&text, user);
    sip_add(&text, SIP_TEXT("@"));
    int added = sip_proxy_add(&text, domain);
    PyObject *aor = added < 0 ? NULL : sip_py_written(&text);
    sip_buffer_free(&text);
    return aor;
}

/* The domain as a key. Of requests that follow each other it is the same object, whose hash is known. */
static PyObject *domain_of(RegisteringObject *self, struct sip_slice host) {
    struct sip_py_view last = {{NULL, 0}, NULL};
    if (self->domain && sip_py_view(self->domain, &last) < 0) return NULL;
    bool same = self->domain && sip_same_nocase(host, last.text);
    Py_XDECREF(last.holder);
    if (same) return Py_NewRef(self->domain);
    PyObject *domain = sip_py_host(host);
    if (domain) Py_XSETREF(self->domain, Py_NewRef(domain));
    return domain;
}

static enum sip_way find_asked(RegisteringObject *self, struct asked *asked) {
    struct sip_scratch scratch;
    struct sip_slice user, host;
    if (!read_names(&asked->message->core, &scratch, &user, &host)) return SIP_WAY_OTHER;
    PyObject *domain = domain_of(self, host);
    asked->now = sip_clock_wall(self->timers);
    asked->realm = domain ? Py_XNewRef(PyDict_GetItemWithError(self->authorizer->realms, domain)) : NULL; /* none: no domain of ours */
    if (asked->realm) asked->aor = make_aor(user, domain);
    Py_XDECREF(domain);
    if (asked->aor) return SIP_WAY_PLAIN;
    return PyErr_Occurred() ? SIP_WAY_FAILED : SIP_WAY_OTHER;
}

/* --- proof --- */

static enum sip_way has_account(RegisteringObject *self, PyObject *aor) {
    static struct sip_py_word has = {"has", NULL};
    int known = sip_texts_has(self->known, aor);
    if (!known) known = sip_py_truth(sip_py_call(self->accounts, &has, aor, NULL));
    return known < 0 ? SIP_WAY_FAILED : known ? SIP_WAY_PLAIN : SIP_WAY_OTHER;
}

/* Digest knows a user by the user part or by the whole AOR. */
static bool is_of(PyObject *username, const struct asked *asked) {
    Py_ssize_t size = PyUnicode_GET_LENGTH(username), domain = PyUnicode_GET_LENGTH(((DigestObject *)asked->realm)->realm);
    if (size + 1 + domain != PyUnicode_GET_LENGTH(asked->aor)) return PyUnicode_Compare(username, asked->aor) == 0;
    return PyUnicode_READ_CHAR(asked->aor, size) == '@' && PyUnicode_Tailmatch(asked->aor, username, 0, size, -1) > 0;
}

/* Who it is. The Python class refuses who is somebody else, or one of the trunks. */
static enum sip_way accept(RegisteringObject *self, const struct asked *asked, PyObject *username) {
    static struct sip_py_word check_proven = {"check_proven", NULL};
    enum sip_way way = is_of(username, asked) ? has_account(self, asked->aor) : SIP_WAY_OTHER;
    if (way != SIP_WAY_OTHER) return way;
    return sip_py_do((PyObject *)self, &check_proven, username, asked->aor) < 0 ? SIP_WAY_FAILED : SIP_WAY_PLAIN;
}

/* Whether the credentials are right. */
static enum sip_way prove(RegisteringObject *self, const struct asked *asked) {
    PyObject *username = sip_authorizer_username(
        self->authorizer, asked->request, (DigestObject *)asked->realm, &sip_as_registrar, asked->aor, asked->now);
    if (!username) return PyErr_Occurred() ? SIP_WAY_FAILED : SIP_WAY_OTHER;
    enum sip_way way = accept(self, asked, username);
    Py_DECREF(username);
    return way;
}

static enum sip_way challenge(RegisteringObject *self, const struct asked *asked) {
    DigestObject *digest = (DigestObject *)asked->realm;
    int result = sip_authorizer_challenge(self->authorizer, asked->request, digest, &sip_as_registrar, asked->now);
    return result < 0 ? SIP_WAY_FAILED : SIP_WAY_DONE;
}

/* RFC 3261 section 10.3 step 3. */
static enum sip_way authenticate(RegisteringObject *self, const struct asked *asked) {
    if (asked->realm == Py_None) return has_account(self, asked->aor);
    if (!sip_py_is_a(asked->realm, &sip_digest_type)) {
        PyErr_SetString(PyExc_TypeError, "realms: a Digest or None expected");
        return SIP_WAY_FAILED;
    }
    return sip_has_line(&asked->message->core, SIP_AUTHORIZATION) ? prove(self, asked) : challenge(self, asked);
}

/* --- the bindings --- */

/* registrar.change(message, aor, flow, now): whatever is no plain refresh. */
static int change(RegisteringObject *self, const struct asked *asked) {
    static struct sip_py_word word_change = {"change", NULL}, reply = {"reply", NULL};
    static PyObject *ok;
    PyObject *now = PyFloat_FromDouble(asked->now), *headers = NULL, *done = NULL;
    PyObject *args[] = {self->registrar, (PyObject *)asked->message, asked->aor, asked->request->flow, now};
    if (now && (ok || (ok = PyLong_FromLong(200)))) headers = sip_py_call_with(&word_change, args, 5);
    PyObject *answer[] = {(PyObject *)asked->request, ok, Py_None, headers};
    if (headers) done = sip_py_call_with(&reply, answer, 4);
    Py_XDECREF(headers);
    Py_XDECREF(now);
    return sip_py_done(done);
}

static enum sip_way bind(RegisteringObject *self, const struct asked *asked) {
    static struct sip_py_word registered = {"sip_registrations_total|status=200", NULL};
    SIP_STACK_BUFFER(lines);
    int result = sip_registrar_refresh(
        (RegistrarObject *)self->registrar, asked->message, asked->aor, asked->request->flow, asked->now, &lines);
    if (result > 0)
        result = sip_inbound_answer(asked->request, 200, &lines);
    else if (result == 0)
        result = change(self, asked);
    sip_buffer_free(&lines);
    if (result == 0) result = sip_py_count_word(self->counters, &registered);
    return result < 0 ? SIP_WAY_FAILED : SIP_WAY_DONE;
}

/* --- the type --- */

/* The plain way, as far as it goes. */
static enum sip_way serve_plainly(RegisteringObject *self, InboundObject *request) {
    static struct sip_py_word active = {"active", NULL};
    struct asked asked = {request, (MessageObject *)Py_NewRef(request->message), NULL, NULL, 0}; /* the answer lets go of the message */
    int judged = sip_py_is(self->policy, &active);
    enum sip_way way = judged < 0 ? SIP_WAY_FAILED : judged ? SIP_WAY_OTHER : find_asked(self, &asked);
    if (way == SIP_WAY_PLAIN) way = authenticate(self, &asked);
    if (way == SIP_WAY_PLAIN) way = bind(self, &asked);
    release(&asked);
    return way;
}

int sip_registering_serve(PyObject *registering, InboundObject *request) {
    static struct sip_py_word serve_other = {"serve_other", NULL};
    if (!request->message) return sip_py_done(PyErr_Format(PyExc_ValueError, "a request that is answered"));
    enum sip_way way = serve_plainly((RegisteringObject *)registering, request);
    return way == SIP_WAY_OTHER ? sip_py_do(registering, &serve_other, (PyObject *)request, NULL) : way == SIP_WAY_FAILED ? -1 : 0;
}

static PyObject *serve(PyObject *self, PyObject *request) {
    if (!sip_py_is_a(request, &sip_inbound_type)) return PyErr_Format(PyExc_TypeError, "an InboundRequest expected");
    return sip_py_none(sip_registering_serve(self, (InboundObject *)request));
}

static PyObject *registering_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"authorizer", "accounts", "known", "registrar", "policy", "timers", "counters", NULL};
    PyObject *authorizer, *accounts, *known, *registrar, *policy, *timers, *counters;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO!O!OO!O!:RegisteringBase", keywords, &sip_authorizer_type, &authorizer, &accounts,
            &sip_texts_type, &known, &sip_registrar_type, &registrar, &policy, &sip_timers_type, &timers, &PyDict_Type, &counters))
        return NULL;
    RegisteringObject *self = (RegisteringObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->authorizer = (AuthorizerObject *)Py_NewRef(authorizer);
    self->accounts = Py_NewRef(accounts);
    self->known = (TextsObject *)Py_NewRef(known);
    self->registrar = Py_NewRef(registrar);
    self->policy = Py_NewRef(policy);
    self->timers = Py_NewRef(timers);
    self->counters = Py_NewRef(counters);
    return (PyObject *)self;
}

/* None of what it refers to knows of it: no cycle goes through it. */
static void registering_dealloc(RegisteringObject *self) {
    PyObject *fields[] = {(PyObject *)self->authorizer, self->accounts, (PyObject *)self->known, self->registrar, self->policy, self->timers,
                          self->counters, self->domain};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) Py_XDECREF(fields[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"serve", (PyCFunction)serve, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#define MEMBER(name) {#name, T_OBJECT_EX, offsetof(RegisteringObject, name), READONLY, NULL}
static PyMemberDef members[] = {
    MEMBER(authorizer), MEMBER(accounts), MEMBER(registrar), MEMBER(policy), MEMBER(timers), MEMBER(counters), {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_registering_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.RegisteringBase",
    .tp_basicsize = sizeof(RegisteringObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = registering_new,
    .tp_dealloc = (destructor)registering_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
