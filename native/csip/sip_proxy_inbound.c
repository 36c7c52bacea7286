/* The base of InboundRequest: its fields, and how it goes on to one target. */
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

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

/* Item 5 of RFC 3261 section 16.6 for a request that has one way. */
static int go_one_way(InboundObject *self, PyObject *target, PyObject *exchange) {
    CoreObject *core = (CoreObject *)self->core;
    PyTypeObject *context_class, *branch_class;
    if (!(context_class = sip_proxy_class(core->context_class, &sip_context_type)) ||
        !(branch_class = sip_proxy_class(core->branch_class, &sip_branch_type)))
        return -1;
    PyObject *groups = PyTuple_New(0);
    ContextObject *context = groups ? sip_context_new(context_class, self, exchange, groups) : NULL;
    if (context) context->share = self->breadth;
    BranchObject *branch = context ? sip_branch_new(branch_class, context, target, Py_None) : NULL;
    if (branch) put(&self->context, (PyObject *)context);
    PyObject *done = branch ? sip_branch_start(branch, NULL) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(branch);
    Py_XDECREF(context);
    Py_XDECREF(groups);
    return done ? 0 : -1;
}

/* A fork, a refusal or a mistake is the Python class's. */
static int proxy(InboundObject *self, PyObject *targets, PyObject *exchange) {
    static struct sip_py_word misused = {"misused", NULL}, fork = {"fork", NULL};
    if (self->cancelled) return 0;
    if (self->status || self->context != Py_None) return sip_py_do((PyObject *)self, &misused, NULL, NULL);
    bool one_way = PyList_Check(targets) && PyList_GET_SIZE(targets) == 1 && self->breadth;
    return one_way ? go_one_way(self, PyList_GET_ITEM(targets, 0), exchange) : sip_py_do((PyObject *)self, &fork, targets, exchange);
}

int sip_inbound_forward(InboundObject *self, PyObject *target, PyObject *exchange) {
    PyObject *targets = PyList_New(1);
    if (!targets) return -1;
    PyList_SET_ITEM(targets, 0, Py_NewRef(target));
    int result = proxy(self, targets, exchange);
    Py_DECREF(targets);
    return result;
}

static PyObject *inbound_proxy(InboundObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 1 && count != 2) return PyErr_Format(PyExc_TypeError, "targets and perhaps an exchange expected");
    return proxy(self, args[0], count == 2 ? args[1] : Py_None) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *inbound_release(InboundObject *self, PyObject *unused) {
    (void)unused;
    sip_inbound_release(self);
    Py_RETURN_NONE;
}

static PyMethodDef inbound_methods[] = {
    SIP_PY_UNWALKED,
    {"proxy", FUNCTION(inbound_proxy), METH_FASTCALL, NULL},
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
    TRUTH(InboundObject, cancelled), HIDDEN(InboundObject, T_OBJECT_EX, natted),
    HIDDEN(InboundObject, T_OBJECT_EX, call_key),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_inbound_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.InboundBase",
    .tp_basicsize = sizeof(InboundObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)inbound_dealloc,
    .tp_methods = inbound_methods,
    .tp_members = inbound_members,
};
