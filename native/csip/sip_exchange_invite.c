/* The base of InviteExchange: the responses to an INVITE that makes a call. */
#include "sip_exchange.h"
#include "sip_media.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

enum {
    SEES_OF_CALL = SIP_SEES_PROVISIONALS | SIP_SEES_SUCCESSES | SIP_SEES_FAILURES | SIP_SEES_IDENTITIES | SIP_SEES_FAILED_END,
    SEES_BY_TRUNK = SEES_OF_CALL | SIP_SEES_BRANCH_ENDS,
    SEES_ALL = SEES_BY_TRUNK | SIP_SEES_REQUESTS | SIP_SEES_END,
};

PyObject *sip_calls_of(PyObject *services) {
    static struct sip_py_word word_calls = {"calls", NULL};
    PyObject *calls = sip_py_get(services, &word_calls);
    if (!calls || sip_py_is_a(calls, &sip_calls_type)) return calls;
    Py_DECREF(calls);
    return PyErr_Format(PyExc_TypeError, "services without Calls");
}

InviteExchangeObject *sip_invite_exchange_new(PyTypeObject *class, PyObject *services, PyObject *key, PyObject *media, bool by_trunk) {
    static struct sip_py_word node = {"node", NULL};
    PyObject *by = sip_py_text(&node), *calls = by ? sip_calls_of(services) : NULL;
    InviteExchangeObject *self = calls ? SIP_NEW(InviteExchangeObject, class, services) : NULL;
    if (self) {
        put(&self->services, services);
        put(&self->calls, calls);
        put(&self->key, key);
        put(&self->media, media);
        put(&self->ended_by, by);
        self->looks_on = media == Py_None;
        self->sees = media != Py_None ? SEES_ALL : by_trunk ? SEES_BY_TRUNK : SEES_OF_CALL;
    }
    Py_XDECREF(calls);
    return self;
}

static PyObject *invite_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"services", "key", "media", "by_trunk", NULL};
    PyObject *services, *key, *media;
    int by_trunk;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OUO$p:InviteExchange", keywords, &services, &key, &media, &by_trunk)) return NULL;
    return (PyObject *)sip_invite_exchange_new(class, services, key, media, by_trunk);
}

static void invite_dealloc(InviteExchangeObject *self) {
    sip_proxy_free((PyObject *)self, offsetof(InviteExchangeObject, services), SIP_OBJECTS(InviteExchangeObject, services));
}

/* That a call rings is not stored: it ends with its worker. */
static int heard(InviteExchangeObject *self, int status) {
    CallsObject *calls = (CallsObject *)self->calls;
    CallRecordObject *record = status >= 180 && status < 190 ? sip_calls_find(calls, self->key) : NULL;
    if (!record) return PyErr_Occurred() ? -1 : 0;
    if (!record->ringing_at && sip_call_is(record, "ringing")) record->ringing_at = sip_clock_wall(calls->timers);
    return 0;
}

static int failed(InviteExchangeObject *self) {
    static struct sip_py_word callee = {"callee", NULL};
    PyObject *by = sip_py_text(&callee);
    if (by) put(&self->ended_by, by);
    return by ? 0 : -1;
}

/* It says who the callee is, or may make an early dialog. */
static bool says_more(const struct sip_message *response) {
    return sip_has_line(response, SIP_P_ASSERTED_IDENTITY) || sip_has_line(response, SIP_P_PREFERRED_IDENTITY) ||
           sip_has_line(response, SIP_RSEQ);
}

/* An answer without a body that we relay, to an INVITE without one: the daemon knows nothing of the call. */
static bool is_unrelayed(PyObject *media, MessageObject *response) {
    return PyObject_TypeCheck(media, &sip_invite_media_type) && PySet_GET_SIZE(((InviteMediaObject *)media)->open) == 0 && !sip_has_sdp(response);
}

/* A 2xx of a call that is over already, so that it is acknowledged all the same: there is no media for it any more. */
static int let_go_bare(MessageObject *response, PyObject *proceed) {
    PyObject *nothing = PyErr_Occurred() ? NULL : PyBytes_FromStringAndSize(NULL, 0);
    int result = nothing ? sip_message_replace_body(response, nothing) : -1;
    Py_XDECREF(nothing);
    return result < 0 ? -1 : sip_proceed(proceed);
}

static int take(InviteExchangeObject *self, PyObject *branch, MessageObject *response, PyObject *proceed) {
    static struct sip_py_word look_closer = {"look_closer", NULL}, unrelayed = {"unrelayed", NULL};
    PyObject *exchange = (PyObject *)self, *message = (PyObject *)response;
    int status = response->core.status;
    if (says_more(&response->core) && sip_py_do(exchange, &look_closer, branch, message) < 0) return -1;
    int result = status < 200 ? heard(self, status)
        : status < 300 ? sip_calls_answered((CallsObject *)self->calls, self->key, branch, response)
        : failed(self);
    if (result < 0 || self->media == Py_None) return result;
    if (status >= 200 && status < 300 && !sip_calls_find((CallsObject *)self->calls, self->key)) return let_go_bare(response, proceed);
    if (status >= 200 && status < 300 && is_unrelayed(self->media, response) && sip_py_do(self->calls, &unrelayed, self->key, NULL) < 0) return -1;
    return sip_invite_media_response(self->media, branch, message, proceed, exchange);
}

static PyObject *invite_response_in(InviteExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 || !Py_IS_TYPE(args[1], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "branch, Message and proceed expected");
    return sip_py_none(take(self, args[0], (MessageObject *)args[1], args[2]));
}

/* --- the end of a branch --- */

/* Whether a branch that had a 2xx says something new of the target it went to; -1 with an exception. */
static int shows_life(BranchObject *branch) {
    static struct sip_py_word word_label = {"label", NULL}, failed_at = {"failed_at", NULL};
    PyObject *target = sip_py_get(branch->target, &word_label), *failed = Py_XNewRef(target);
    if (target && target != Py_None) Py_SETREF(failed, sip_py_get(target, &failed_at));
    int result = failed ? failed != Py_None : -1;
    Py_XDECREF(failed);
    Py_XDECREF(target);
    return result;
}

static PyObject *invite_branch_ended(InviteExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word branch_over = {"branch_over", NULL};
    if (count != 2 || !sip_py_is_a(args[0], &sip_branch_type)) return PyErr_Format(PyExc_TypeError, "branch and status expected");
    BranchObject *branch = (BranchObject *)args[0];
    int tells = branch->status < 300 ? shows_life(branch) : 1;
    if (tells <= 0) return sip_py_none(tells);
    return sip_py_call((PyObject *)self, &branch_over, args[0], args[1]);
}

/* --- on its way --- */

static PyObject *invite_request_out(InviteExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "branch, request and proceed expected");
    if (self->media != Py_None && sip_invite_media_request(self->media, args[0], args[1], args[2]) < 0) return NULL;
    Py_RETURN_NONE;
}

/* --- the end of the request --- */

/* Also of one that had no answer: what matters is who ended it. */
static bool gave_up(const ContextObject *context, long status) { return context->cancelled && (status == 487 || status == 408); }

static int fail_call(InviteExchangeObject *self, const ContextObject *context, PyObject *status, long number) {
    static struct sip_py_word cancelled = {"cancelled", NULL}, word_failed = {"failed", NULL};
    struct sip_call_end how = {sip_py_text(gave_up(context, number) ? &cancelled : &word_failed), status, self->ended_by};
    return how.cause ? sip_calls_end((CallsObject *)self->calls, self->key, &how) : -1;
}

static PyObject *invite_ended(InviteExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !sip_py_is_a(args[0], &sip_context_type)) return PyErr_Format(PyExc_TypeError, "context and status expected");
    long status = PyLong_AsLong(args[1]);
    if (status == -1 && PyErr_Occurred()) return NULL;
    return sip_py_none(status < 300 ? 0 : fail_call(self, (ContextObject *)args[0], args[1], status));
}

static PyMethodDef invite_methods[] = {
    SIP_PY_UNWALKED,
    {"ended", FUNCTION(invite_ended), METH_FASTCALL, NULL},
    {"request_out", FUNCTION(invite_request_out), METH_FASTCALL, NULL},
    {"branch_ended", FUNCTION(invite_branch_ended), METH_FASTCALL, NULL},
    {"response_in", FUNCTION(invite_response_in), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef invite_members[] = {
    NUMBER(InviteExchangeObject, sees),
    TRUTH(InviteExchangeObject, looks_on),
    HIDDEN(InviteExchangeObject, T_OBJECT_EX, services),
    HIDDEN(InviteExchangeObject, T_OBJECT_EX, key),
    HIDDEN(InviteExchangeObject, T_OBJECT_EX, media),
    HIDDEN(InviteExchangeObject, T_OBJECT_EX, ended_by),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_invite_exchange_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.InviteExchangeBase",
    .tp_basicsize = sizeof(InviteExchangeObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = invite_new,
    .tp_dealloc = (destructor)invite_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = invite_methods,
    .tp_members = invite_members,
};
