/* native.sip.InviteMediaBase: the media of an INVITE that makes a call. */
#include "sip_flow.h"
#include "sip_media.h"
#include "sip_proxy.h"
#include "sip_proxy_fields.h"

/* Both parties' SRTP is theirs alone. */
static bool only_passes(PyObject *srtp) {
    if (!PyTuple_Check(srtp) || PyTuple_GET_SIZE(srtp) != 2) return false;
    for (Py_ssize_t i = 0; i < 2; i++) {
        PyObject *leg = PyTuple_GET_ITEM(srtp, i);
        if (!PyUnicode_Check(leg) || PyUnicode_CompareWithASCIIString(leg, "pass") != 0) return false;
    }
    return true;
}

/* As media_glue.NO_TAG where there is none. */
static PyObject *tag_of(const MessageObject *message, enum sip_name from_or_to) { return sip_message_tag(message, from_or_to, SIP_TEXT("-")); }

InviteMediaObject *sip_invite_media_new(PyTypeObject *class, PyObject *glue, MessageObject *request, PyObject *host, bool natted, PyObject *srtp) {
    InviteMediaObject *self = SIP_NEW(InviteMediaObject, class, glue);
    if (!self) return NULL;
    put(&self->glue, glue);
    put(&self->host, host);
    if (srtp) put(&self->srtp, srtp);
    self->natted = natted;
    self->passes = !srtp || only_passes(srtp);
    self->offered = sip_has_sdp(request);
    if (sip_py_put(&self->call_id, sip_message_call_id(request, NULL)) < 0 || sip_py_put(&self->caller_tag, tag_of(request, SIP_FROM)) < 0 ||
        sip_py_put(&self->open, PySet_New(NULL)) < 0)
        Py_CLEAR(self);
    return self;
}

static PyObject *invite_media_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static struct sip_py_word word_host = {"host", NULL}, word_natted = {"natted", NULL};
    static char *keywords[] = {"glue", "request", "sender", "srtp", NULL};
    PyObject *glue, *request, *sender, *srtp = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O|O:InviteMedia", keywords, &sip_glue_type, &glue, &sip_message_type, &request, &sender, &srtp))
        return NULL;
    PyObject *host = sip_py_get(sender, &word_host);
    int natted = host ? sip_py_is(sender, &word_natted) : -1;
    InviteMediaObject *self = natted < 0 ? NULL : sip_invite_media_new(class, glue, (MessageObject *)request, host, natted, srtp);
    Py_XDECREF(host);
    return (PyObject *)self;
}

static void invite_media_dealloc(InviteMediaObject *self) {
    sip_proxy_free((PyObject *)self, offsetof(InviteMediaObject, glue), SIP_OBJECTS(InviteMediaObject, glue));
}

/* --- what carries a body --- */

/* Where a response came from, and whether that is a NAT. */
static PyObject *sender_of(PyObject *branch, bool *natted) {
    static struct sip_py_word flow = {"flow", NULL}, target = {"target", NULL}, word_natted = {"natted", NULL};
    PyObject *to = sip_py_get(branch, &target), *over = to ? sip_py_get(branch, &flow) : NULL;
    PyObject *host = over ? sip_flow_remote_host(over) : NULL;
    int is = host ? sip_py_is(to, &word_natted) : -1;
    *natted = is > 0;
    if (is < 0) Py_CLEAR(host);
    Py_XDECREF(over);
    Py_XDECREF(to);
    return host;
}

/* The daemon knows this branch from now on. */
static int open_branch(InviteMediaObject *self, PyObject *via_branch) { return PySet_Add(self->open, via_branch); }

static int pass(InviteMediaObject *self, MessageObject *message, struct sip_passage_plan *plan, PyObject *proceed) {
    static struct sip_py_word word_via_branch = {"via_branch", NULL};
    plan->call_id = self->call_id;
    plan->via_branch = sip_py_get(plan->branch, &word_via_branch);
    int result = plan->via_branch ? 0 : -1;
    if (result == 0 && plan->command == SIP_OFFER) result = open_branch(self, plan->via_branch);
    if (result == 0) result = sip_glue_pass((GlueObject *)self->glue, message, plan, proceed);
    Py_XDECREF(plan->via_branch);
    return result;
}

/* SRTP is asked for, or refused. */
static int secure(InviteMediaObject *self, PyObject *branch, MessageObject *message, PyObject *proceed, PyObject *judge) {
    static struct sip_py_word word_secure = {"secure", NULL};
    PyObject *args[] = {(PyObject *)self, branch, (PyObject *)message, proceed, judge ? judge : Py_None};
    return sip_py_done(sip_py_call_with(&word_secure, args, 5));
}

static int request_out(InviteMediaObject *self, PyObject *branch, MessageObject *request, PyObject *proceed) {
    if (!self->offered) return sip_proceed(proceed);
    if (!self->passes) return secure(self, branch, request, proceed, (PyObject *)self);
    PyObject *nobody = PyUnicode_New(0, 0);
    struct sip_passage_plan plan = {.command = SIP_OFFER, .natted = self->natted, .offerer = self->caller_tag, .answerer = nobody,
                                    .host = self->host, .branch = branch, .judge = (PyObject *)self};
    int result = nobody ? pass(self, request, &plan, proceed) : -1;
    Py_XDECREF(nobody);
    return result;
}

static int response_in(InviteMediaObject *self, PyObject *branch, MessageObject *response, PyObject *proceed, PyObject *judge) {
    if (response->core.status >= 300 || !sip_has_sdp(response)) return sip_proceed(proceed);
    if (!self->passes) return secure(self, branch, response, proceed, judge);
    struct sip_passage_plan plan = {.command = self->offered ? SIP_ANSWER : SIP_OFFER, .branch = branch, .judge = judge};
    PyObject *callee = tag_of(response, SIP_TO), *host = callee ? sender_of(branch, &plan.natted) : NULL;
    plan.host = host;
    plan.offerer = self->offered ? self->caller_tag : callee;
    plan.answerer = self->offered ? callee : self->caller_tag;
    int result = host ? pass(self, response, &plan, proceed) : -1;
    Py_XDECREF(host);
    Py_XDECREF(callee);
    return result;
}

/* --- the type --- */

int sip_invite_media_request(PyObject *media, PyObject *branch, PyObject *request, PyObject *proceed) {
    if (sip_py_is_a(media, &sip_invite_media_type) && Py_IS_TYPE(request, &sip_message_type))
        return request_out((InviteMediaObject *)media, branch, (MessageObject *)request, proceed);
    PyErr_SetString(PyExc_TypeError, "InviteMedia, branch, Message and proceed expected");
    return -1;
}

int sip_invite_media_response(PyObject *media, PyObject *branch, PyObject *response, PyObject *proceed, PyObject *judge) {
    if (sip_py_is_a(media, &sip_invite_media_type) && Py_IS_TYPE(response, &sip_message_type))
        return response_in((InviteMediaObject *)media, branch, (MessageObject *)response, proceed, judge);
    PyErr_SetString(PyExc_TypeError, "InviteMedia, branch, Message and proceed expected");
    return -1;
}

static PyObject *py_request_out(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "branch, request and proceed expected");
    return sip_py_none(sip_invite_media_request(self, args[0], args[1], args[2]));
}

static PyObject *py_response_in(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 && count != 4) return PyErr_Format(PyExc_TypeError, "branch, response, proceed and perhaps a judge expected");
    return sip_py_none(sip_invite_media_response(self, args[0], args[1], args[2], count == 4 ? args[3] : NULL));
}

static PyMethodDef methods[] = {
    SIP_PY_UNWALKED,
    {"request_out", FUNCTION(py_request_out), METH_FASTCALL, NULL},
    {"response_in", FUNCTION(py_response_in), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"offered", T_BOOL, offsetof(InviteMediaObject, offered), READONLY, NULL},
    HIDDEN(InviteMediaObject, T_BOOL, natted),
    HIDDEN(InviteMediaObject, T_OBJECT_EX, glue),
    HIDDEN(InviteMediaObject, T_OBJECT_EX, srtp),
    HIDDEN(InviteMediaObject, T_OBJECT_EX, call_id),
    HIDDEN(InviteMediaObject, T_OBJECT_EX, caller_tag),
    HIDDEN(InviteMediaObject, T_OBJECT_EX, host),
    HIDDEN(InviteMediaObject, T_OBJECT_EX, open),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_invite_media_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.InviteMediaBase",
    .tp_basicsize = sizeof(InviteMediaObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = invite_media_new,
    .tp_dealloc = (destructor)invite_media_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
