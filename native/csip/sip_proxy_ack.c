/* An ACK for a 2xx on its way (RFC 3261 sections 13.2.2.4 and 16.11): the base of sipcore.proxy.ack.Ack, which the application calls
 * to let it go on. */
#include "sip_cookie.h"
#include "sip_flow.h"
#include "sip_forward.h"
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_resolver.h"
#include "structmember.h"

typedef struct {
    PyObject_HEAD
    CoreObject *core;
    MessageObject *request;
    PyObject *flow;   /* it came by */
    PyObject *cookie; /* of its dialog, or None */
    PyObject *branch; /* of our Via */
} AckObject;

/* --- which way --- */

static int drop(AckObject *self, const char *why) {
    static struct sip_py_word word_drop = {"drop", NULL};
    PyObject *text = PyUnicode_FromString(why);
    int result = text ? sip_py_do((PyObject *)self, &word_drop, text, NULL) : -1;
    Py_XDECREF(text);
    return result;
}

static int leave(AckObject *self, PyObject *flow) {
    SIP_STACK_BUFFER(via);
    if (flow == Py_None) return drop(self, "flow gone");
    int reliable = sip_flow_is_reliable(flow);
    PyObject *index = reliable < 0 ? NULL : sip_proxy_listener(flow), *data = NULL;
    if (index && sip_proxy_add_start(&via, self->core->vias, index) == 0 && sip_proxy_add(&via, self->branch) == 0 &&
        sip_proxy_push(self->request, SIP_VIA, &via) == 0)
        data = sip_message_wire(self->request, reliable);
    int result = data ? sip_flow_send(flow, data) : -1;
    sip_buffer_free(&via);
    Py_XDECREF(data);
    Py_XDECREF(index);
    return result;
}

static int reach(AckObject *self, PyObject *destinations) {
    static struct sip_py_word unreachable = {"unreachable", NULL};
    Py_ssize_t count = PySequence_Size(destinations);
    if (count <= 0) return count < 0 ? -1 : drop(self, "unresolvable");
    PyObject *first = PySequence_GetItem(destinations, 0), *listener = first ? sip_flow_listener(self->flow) : NULL;
    if (!listener) {
        Py_XDECREF(first);
        return -1;
    }
    PyObject *flow = sip_flow_to(self->core->flows, first, listener);
    Py_DECREF(first);
    Py_DECREF(listener);
    int result = flow ? leave(self, flow) : sip_proxy_hand_over((PyObject *)self, &unreachable, NULL);
    Py_XDECREF(flow);
    return result;
}

static int resolve(AckObject *self, PyObject *hop) {
    static struct sip_py_word word_reach = {"reach", NULL};
    PyObject *destinations = sip_resolve(self->core->resolver, hop, (PyObject *)self, &word_reach);
    int result = !destinations ? -1 : destinations == Py_None ? 0 : reach(self, destinations);
    Py_XDECREF(destinations);
    return result;
}

/* The hop counted; the URI to resolve, a new reference. */
static PyObject *next_hop(AckObject *self) {
    static struct sip_py_word word_next_hop = {"next_hop", NULL};
    struct sip_message *message = &self->request->core;
    PyObject *done = sip_message_edited(self->request, SIP_MAX_FORWARDS,
        sip_count_hop(message, self->core->max_forwards, self->core->max_breadth));
    if (!done) return NULL;
    Py_DECREF(done);
    if (sip_has_line(message, SIP_ROUTE)) return sip_py_call((PyObject *)self, &word_next_hop, NULL, NULL);
    return sip_message_request_uri(self->request, NULL);
}

static int follow(AckObject *self, PyObject *token) {
    static struct sip_py_word malformed = {"malformed", NULL};
    bool fixed = PyUnicode_GET_LENGTH(token);
    int own = fixed || sip_has_line(&self->request->core, SIP_ROUTE) ? 0 : sip_core_owns_uri(self->core, self->request);
    if (own) return own < 0 ? -1 : drop(self, "own uri");
    PyObject *hop = next_hop(self);
    if (!hop) return sip_proxy_hand_over((PyObject *)self, &malformed, NULL);
    PyObject *flow = fixed ? sip_flow_of_token(self->core->flows, token) : NULL;
    int result = fixed ? (flow ? leave(self, flow) : -1) : resolve(self, hop);
    Py_XDECREF(flow);
    Py_DECREF(hop);
    return result;
}

static int proceed(AckObject *self) {
    static struct sip_py_word instance_target = {"instance_target", NULL}, to_instance = {"to_instance", NULL};
    bool known = self->cookie != Py_None;
    if (known && sip_may_be_gruu(&self->request->core)) {
        PyObject *target = sip_py_call((PyObject *)self->core, &instance_target, (PyObject *)self->request, self->cookie);
        int result = !target ? -1 : target == Py_None ? 1 : sip_py_do((PyObject *)self, &to_instance, target, NULL);
        Py_XDECREF(target);
        if (result <= 0) return result;
    }
    PyObject *token = known ? sip_cookie_flow_token((CookieObject *)self->cookie, self->request) : PyUnicode_New(0, 0);
    int result = token ? follow(self, token) : -1;
    Py_XDECREF(token);
    return result;
}

/* --- sipcore.ports.TransactionUser --- */

/* In all that is sent on without a transaction: unique and stable, with nothing to verify. */
static PyObject *stateless_branch(CoreObject *core, MessageObject *request) {
    PyObject *call_id = sip_message_call_id(request, NULL), *texts[] = {call_id, call_id ? sip_message_identity(request, NULL) : NULL};
    SIP_STACK_BUFFER(out);
    int result = sip_proxy_add(&out, core->branch_prefix);
    for (int i = 0; result == 0 && i < 2; i++) {
        struct sip_py_view view = {{NULL, 0}, NULL};
        result = texts[i] ? sip_py_view(texts[i], &view) : -1;
        if (result == 0) sip_add_number(&out, sip_crc32(view.text));
        if (i == 0) sip_add(&out, SIP_TEXT("."));
        Py_XDECREF(view.holder);
    }
    for (int i = 0; i < 2; i++) Py_XDECREF(texts[i]);
    PyObject *branch = result < 0 ? NULL : sip_py_written(&out);
    sip_buffer_free(&out);
    return branch;
}

static AckObject *ack_of(CoreObject *core, MessageObject *request, PyObject *flow) {
    uint32_t traits;
    PyTypeObject *class = sip_proxy_class(core->ack_class, &sip_ack_type);
    if (!class || sip_core_check(core, request, &traits) < 0) return NULL;
    PyObject *branch = stateless_branch(core, request);
    PyObject *cookie = branch ? sip_core_cookie(core, request, traits, flow, NULL) : NULL;
    AckObject *self = cookie ? (AckObject *)class->tp_alloc(class, 0) : NULL;
    if (!self) {
        Py_XDECREF(branch);
        Py_XDECREF(cookie);
        return NULL;
    }
    self->core = (CoreObject *)Py_NewRef(core);
    self->request = (MessageObject *)Py_NewRef(request);
    self->flow = Py_NewRef(flow);
    self->cookie = cookie;
    self->branch = branch;
    return self;
}

static int tell(CoreObject *core, AckObject *ack) {
    static struct sip_py_word on_ack = {"on_ack", NULL};
    PyObject *args[] = {core->app, (PyObject *)ack->request, ack->cookie, (PyObject *)ack};
    return sip_py_done(sip_py_call_with(&on_ack, args, 4));
}

PyObject *sip_core_on_ack(CoreObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word ack_refused = {"ack_refused", NULL};
    if (count != 2 || !Py_IS_TYPE(args[0], &sip_message_type)) return PyErr_Format(PyExc_TypeError, "a Message and a flow expected");
    AckObject *ack = ack_of(self, (MessageObject *)args[0], args[1]);
    int result = ack ? tell(self, ack) : sip_proxy_hand_over((PyObject *)self, &ack_refused, NULL);
    Py_XDECREF(ack);
    return sip_py_none(result);
}

/* --- the type --- */

static PyObject *ack_call(AckObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"status", "reason", NULL};
    int status = 0;
    PyObject *reason;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iO:proceed", keywords, &status, &reason)) return NULL;
    return sip_py_none(status ? drop(self, "policy") : proceed(self));
}

PyObject *sip_ack_proceed(PyObject *ack) {
    if (!sip_py_is_a(ack, &sip_ack_type)) return PyObject_CallNoArgs(ack);
    return sip_py_none(proceed((AckObject *)ack));
}

static PyObject *ack_reach(AckObject *self, PyObject *destinations) {
    return sip_py_none(reach(self, destinations));
}

static PyObject *ack_leave(AckObject *self, PyObject *flow) { return sip_py_none(leave(self, flow)); }

static void ack_dealloc(AckObject *self) {
    Py_XDECREF(self->core);
    Py_XDECREF(self->request);
    Py_XDECREF(self->flow);
    Py_XDECREF(self->cookie);
    Py_XDECREF(self->branch);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    SIP_PY_UNWALKED,
    {"reach", FUNCTION(ack_reach), METH_O, NULL},
    {"leave", FUNCTION(ack_leave), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#define FIELD(name) {#name, T_OBJECT_EX, offsetof(AckObject, name), READONLY, NULL}
static PyMemberDef members[] = {FIELD(core), FIELD(request), {NULL, 0, 0, 0, NULL}};

PyTypeObject sip_ack_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.AckBase",
    .tp_basicsize = sizeof(AckObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)ack_dealloc,
    .tp_call = (ternaryfunc)ack_call,
    .tp_methods = methods,
    .tp_members = members,
};
