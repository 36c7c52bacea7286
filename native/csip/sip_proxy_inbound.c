/* The base of InboundRequest: its fields, what is found out of it once, and how it goes on to its targets. */
#include "sip_cookie.h"
#include "sip_flow.h"
#include "sip_mac.h"
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"
#include "sip_sender.h"

InboundObject *sip_inbound_new(PyTypeObject *class, CoreObject *core, PyObject *transaction, MessageObject *message, PyObject *flow) {
    InboundObject *self = SIP_NEW(InboundObject, class, core);
    PyObject *empty = self ? PyUnicode_New(0, 0) : NULL;
    if (!empty) {
        Py_XDECREF(self);
        return NULL;
    }
    put(&self->core, (PyObject *)core);
    put(&self->transaction, transaction);
    put(&self->message, (PyObject *)message);
    put(&self->flow, flow);
    put(&self->identity, empty);
    put(&self->loop_hash, empty);
    put(&self->call_key, empty);
    Py_DECREF(empty);
    return self;
}

static void inbound_dealloc(InboundObject *self) {
    sip_proxy_free((PyObject *)self, offsetof(InboundObject, core), SIP_OBJECTS(InboundObject, core));
}

/* --- what is found out once --- */

static PyObject *new_call_key(InboundObject *self) {
    const uint8_t *key = sip_mac_key(((CoreObject *)self->core)->branch_mac);
    SIP_STACK_BUFFER(text);
    char mac[SIP_MAC_TEXT_SIZE];
    sip_add(&text, SIP_TEXT("call\n"));
    int result = key ? sip_proxy_add(&text, self->identity) : -1;
    if (result == 0 && text.failed) PyErr_NoMemory();
    else if (result == 0) sip_mac_text(key, (struct sip_slice){text.at, text.size}, mac);
    bool made = result == 0 && !text.failed;
    sip_buffer_free(&text);
    return made ? sip_py_str((struct sip_slice){mac, sizeof mac}) : NULL;
}

PyObject *sip_inbound_call_key(InboundObject *self) {
    if (PyUnicode_GET_LENGTH(self->call_key)) return self->call_key;
    bool known = Py_IS_TYPE(self->cookie, &sip_cookie_type);
    PyObject *key = known ? Py_NewRef(((CookieObject *)self->cookie)->call_key) : new_call_key(self);
    if (key) Py_SETREF(self->call_key, key);
    return key;
}

/* Whether a private network's address in Contact is what makes it so is the Python class's to say. */
static PyObject *find_natted(InboundObject *self) {
    static struct sip_py_word sender_is_natted = {"sender_is_natted", NULL};
    struct sip_py_view view;
    if (!self->message) return PyErr_Format(PyExc_AttributeError, "the request is over");
    int reliable = sip_flow_is_reliable(self->flow);
    PyObject *host = reliable < 0 ? NULL : sip_flow_remote_host(self->flow);
    if (!host || sip_py_view(host, &view) < 0) {
        Py_XDECREF(host);
        return NULL;
    }
    enum sip_sender sender = sip_find_sender(&((MessageObject *)self->message)->core, view.text, reliable);
    Py_XDECREF(view.holder);
    Py_DECREF(host);
    if (sender == SIP_SENDER_CONTACT) return sip_py_call((PyObject *)self, &sender_is_natted, NULL, NULL);
    return PyBool_FromLong(sender == SIP_SENDER_NATTED);
}

int sip_inbound_natted(InboundObject *self) {
    if (self->natted == Py_None) {
        PyObject *natted = find_natted(self);
        if (!natted) return -1;
        Py_SETREF(self->natted, natted);
    }
    return PyObject_IsTrue(self->natted);
}

static PyObject *get_call_key(InboundObject *self, void *closure) {
    (void)closure;
    return Py_XNewRef(sip_inbound_call_key(self));
}

static PyObject *get_natted(InboundObject *self, void *closure) {
    (void)closure;
    int natted = sip_inbound_natted(self);
    return natted < 0 ? NULL : PyBool_FromLong(natted);
}

static int set_natted(InboundObject *self, PyObject *natted, void *closure) {
    (void)closure;
    int is = PyObject_IsTrue(natted);
    if (is >= 0) put(&self->natted, is ? Py_True : Py_False);
    return is < 0 ? -1 : 0;
}

/* --- on its way --- */

enum way { BY_GROUP, IN_TURN, AT_ONCE };

/* As lists of targets that are tried at once. */
static PyObject *groups_of(PyObject *targets, enum way way) {
    if (way == AT_ONCE || PyList_GET_SIZE(targets) == 1) return PyTuple_Pack(1, targets);
    PyObject *groups = PyTuple_New(PyList_GET_SIZE(targets));
    for (Py_ssize_t i = 0; groups && i < PyList_GET_SIZE(targets); i++) {
        PyObject *group = PyList_GetSlice(targets, i, i + 1);
        if (group) PyTuple_SET_ITEM(groups, i, group);
        else Py_CLEAR(groups);
    }
    return groups;
}

/* What is to be put in groups, or to be refused, is the Python class's; so is a mistake. */
static int proxy(InboundObject *self, PyObject *targets, PyObject *exchange, enum way way) {
    static struct sip_py_word misused = {"misused", NULL}, fork = {"fork", NULL};
    if (self->cancelled) return 0;
    if (self->status || self->context != Py_None) return sip_py_do((PyObject *)self, &misused, NULL, NULL);
    if (way == BY_GROUP || !PyList_GET_SIZE(targets)) return sip_py_do((PyObject *)self, &fork, targets, exchange);
    PyObject *groups = groups_of(targets, way);
    int result = groups ? sip_inbound_begin(self, groups, exchange) : -1;
    Py_XDECREF(groups);
    return result;
}

int sip_inbound_forward_in_turn(InboundObject *self, PyObject *targets, PyObject *exchange) {
    return proxy(self, targets, exchange, IN_TURN);
}

int sip_inbound_fork(InboundObject *self, PyObject *targets, PyObject *exchange) { return proxy(self, targets, exchange, AT_ONCE); }

int sip_inbound_forward(InboundObject *self, PyObject *target, PyObject *exchange) {
    PyObject *targets = PyList_New(1);
    if (!targets) return -1;
    PyList_SET_ITEM(targets, 0, Py_NewRef(target));
    int result = proxy(self, targets, exchange, AT_ONCE);
    Py_DECREF(targets);
    return result;
}

static PyObject *inbound_proxy(InboundObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 1 && count != 2) return PyErr_Format(PyExc_TypeError, "targets and perhaps an exchange expected");
    enum way way = PyList_Check(args[0]) && PyList_GET_SIZE(args[0]) == 1 ? AT_ONCE : BY_GROUP;
    return sip_py_none(proxy(self, args[0], count == 2 ? args[1] : Py_None, way));
}

static PyObject *inbound_release(InboundObject *self, PyObject *unused) {
    (void)unused;
    sip_inbound_release(self);
    Py_RETURN_NONE;
}

static PyMethodDef inbound_methods[] = {
    SIP_PY_UNWALKED,
    {"proxy", FUNCTION(inbound_proxy), METH_FASTCALL, NULL},
    {"begin", FUNCTION(sip_inbound_begin_method), METH_FASTCALL, NULL},
    {"reply", FUNCTION(sip_inbound_reply), METH_VARARGS | METH_KEYWORDS, NULL},
    {"respond", FUNCTION(sip_inbound_respond), METH_VARARGS | METH_KEYWORDS, NULL},
    {"release", FUNCTION(inbound_release), METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef inbound_members[] = {
    FIXED(InboundObject, core),      FIXED(InboundObject, transaction),
    FIXED(InboundObject, message),  FIXED(InboundObject, flow),
    OBJECT(InboundObject, cookie),   OBJECT(InboundObject, context),
    OBJECT(InboundObject, identity), OBJECT(InboundObject, loop_hash),
    NUMBER(InboundObject, status),   NUMBER(InboundObject, breadth),
    TRUTH(InboundObject, cancelled),
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef inbound_getset[] = {
    {"call_key", (getter)get_call_key, NULL, NULL, NULL},
    {"natted", (getter)get_natted, (setter)set_natted, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_inbound_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.InboundBase",
    .tp_basicsize = sizeof(InboundObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)inbound_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = inbound_methods,
    .tp_members = inbound_members,
    .tp_getset = inbound_getset,
};
