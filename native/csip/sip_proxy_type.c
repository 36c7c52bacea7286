/* The types of sip_proxy.h: their fields and their lives. */
#include "sip_proxy.h"
#include "sip_py.h"
#include "structmember.h"

/* The objects of each stand at its end, from `first` on. */
#define OBJECTS(self, first) ((PyObject **)((char *)(self) + offsetof(__typeof__(*self), first)))
#define COUNT(type, first) ((sizeof(type) - offsetof(type, first)) / sizeof(PyObject *))

/* With None in each of its objects. */
#define NEW(type, class, first) ((type *)new_object(class, offsetof(type, first), COUNT(type, first)))

static PyObject *new_object(PyTypeObject *class, size_t first, size_t count) {
    PyObject *self = class->tp_alloc(class, 0);
    for (size_t i = 0; self && i < count; i++) ((PyObject **)((char *)self + first))[i] = Py_NewRef(Py_None);
    return self;
}

static void free_object(PyObject *self, PyObject **objects, size_t count) {
    while (count--) Py_CLEAR(objects[count]);
    Py_TYPE(self)->tp_free(self);
}

static void put(PyObject **field, PyObject *value) { Py_XSETREF(*field, Py_NewRef(value)); }

#define FUNCTION(f) (PyCFunction)(void (*)(void))(f)
#define OBJECT(type, name) {#name, T_OBJECT_EX, offsetof(type, name), 0, NULL}
#define FIXED(type, name) {#name, T_OBJECT_EX, offsetof(type, name), READONLY, NULL}
#define HIDDEN(type, kind, name) {"_" #name, kind, offsetof(type, name), 0, NULL}
#define NUMBER(type, name) {#name, T_INT, offsetof(type, name), 0, NULL}
#define TRUTH(type, name) {#name, T_BOOL, offsetof(type, name), 0, NULL}

/* --- InboundRequest --- */

InboundObject *sip_inbound_new(PyTypeObject *class, CoreObject *core, PyObject *transaction, MessageObject *message, PyObject *flow) {
    InboundObject *self = NEW(InboundObject, class, core);
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
    free_object((PyObject *)self, OBJECTS(self, core), COUNT(InboundObject, core));
}

/* A branch that an error kept from leaving: nothing will come back that could end it, so its circle with the context is cut here. */
static void abandon(InboundObject *self, ContextObject *context, BranchObject *branch, PyObject *none) {
    if (branch->status || branch->transaction != Py_None) return;
    branch->status = 500;
    put(&context->branches, none);
    put(&self->context, Py_None);
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
    if (branch && !done) abandon(self, context, branch, groups);
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

/* --- ResponseContext --- */

static struct sip_py_word word_sees = {"sees", NULL}, word_looks_on = {"looks_on", NULL};

/* What the exchange says of itself is asked once. */
static int ask_exchange(ContextObject *self, PyObject *exchange) {
    if (exchange == Py_None) return 0;
    PyObject *sees = sip_py_get(exchange, &word_sees), *looks_on = sees ? sip_py_get(exchange, &word_looks_on) : NULL;
    int looking = looks_on ? PyObject_IsTrue(looks_on) : -1;
    self->sees = looking < 0 ? 0 : (int)PyLong_AsLong(sees);
    self->looks_on = looking > 0;
    Py_XDECREF(sees);
    Py_XDECREF(looks_on);
    return looking < 0 || PyErr_Occurred() ? -1 : 0;
}

ContextObject *sip_context_new(PyTypeObject *class, InboundObject *request, PyObject *exchange, PyObject *groups) {
    if (!request->message) {
        PyErr_SetString(PyExc_ValueError, "a request that is answered has no context");
        return NULL;
    }
    ContextObject *self = NEW(ContextObject, class, core);
    PyObject *empty = self ? PyTuple_New(0) : NULL;
    if (!empty || ask_exchange(self, exchange) < 0) {
        Py_XDECREF(empty);
        Py_XDECREF(self);
        return NULL;
    }
    put(&self->core, request->core);
    put(&self->request, (PyObject *)request);
    put(&self->exchange, exchange);
    put(&self->groups, groups);
    put(&self->cookie, request->cookie);
    put(&self->branches, empty);
    put(&self->outcomes, empty);
    Py_DECREF(empty);
    self->invite = PyUnicode_CompareWithASCIIString(((MessageObject *)request->message)->method, "INVITE") == 0;
    return self;
}

static PyObject *context_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"request", "exchange", "groups", NULL};
    PyObject *request, *exchange, *groups;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO:ResponseContext", keywords, &sip_inbound_type, &request, &exchange, &groups))
        return NULL;
    return (PyObject *)sip_context_new(class, (InboundObject *)request, exchange, groups);
}

static void context_dealloc(ContextObject *self) {
    free_object((PyObject *)self, OBJECTS(self, core), COUNT(ContextObject, core));
}

static PyMethodDef context_methods[] = {
    SIP_PY_UNWALKED,
    {"forward", FUNCTION(sip_context_forward), METH_O, NULL},
    {"end", FUNCTION(sip_context_end), METH_O, NULL},
    {"finish", FUNCTION(sip_context_finish), METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef context_members[] = {
    FIXED(ContextObject, core),
    FIXED(ContextObject, request),
    FIXED(ContextObject, exchange),
    FIXED(ContextObject, branches),
    NUMBER(ContextObject, status),
    NUMBER(ContextObject, share),
    {"invite", T_BOOL, offsetof(ContextObject, invite), READONLY, NULL},
    {"sees", T_INT, offsetof(ContextObject, sees), READONLY, NULL},
    {"looks_on", T_BOOL, offsetof(ContextObject, looks_on), READONLY, NULL},
    TRUTH(ContextObject, cancelled),
    HIDDEN(ContextObject, T_OBJECT_EX, groups),
    HIDDEN(ContextObject, T_OBJECT_EX, cookie),
    HIDDEN(ContextObject, T_OBJECT_EX, outcomes),
    HIDDEN(ContextObject, T_INT, pending),
    HIDDEN(ContextObject, T_BOOL, stay),
    HIDDEN(ContextObject, T_BOOL, stopped),
    HIDDEN(ContextObject, T_BOOL, settled),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_context_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.ContextBase",
    .tp_basicsize = sizeof(ContextObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = context_new,
    .tp_dealloc = (destructor)context_dealloc,
    .tp_methods = context_methods,
    .tp_members = context_members,
};

/* --- Branch --- */

BranchObject *sip_branch_new(PyTypeObject *class, ContextObject *context, PyObject *target, PyObject *destinations) {
    Py_ssize_t count = PyTuple_GET_SIZE(context->branches);
    PyObject *branches = PyTuple_New(count + 1);
    BranchObject *self = branches ? NEW(BranchObject, class, context) : NULL;
    if (!self) {
        Py_XDECREF(branches);
        return NULL;
    }
    self->index = (int)count;
    put(&self->context, (PyObject *)context);
    put(&self->target, target);
    put(&self->destinations, destinations);
    for (Py_ssize_t i = 0; i < count; i++) PyTuple_SET_ITEM(branches, i, Py_NewRef(PyTuple_GET_ITEM(context->branches, i)));
    PyTuple_SET_ITEM(branches, count, Py_NewRef(self));
    Py_SETREF(context->branches, branches);
    context->pending++;
    return self;
}

static PyObject *branch_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"context", "target", "destinations", NULL};
    PyObject *context, *target, *destinations = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O|O:Branch", keywords, &sip_context_type, &context, &target, &destinations))
        return NULL;
    return (PyObject *)sip_branch_new(class, (ContextObject *)context, target, destinations);
}

static void branch_dealloc(BranchObject *self) {
    free_object((PyObject *)self, OBJECTS(self, context), COUNT(BranchObject, context));
}

static PyMethodDef branch_methods[] = {
    SIP_PY_UNWALKED,
    {"on_response", FUNCTION(sip_branch_on_response), METH_FASTCALL, NULL},
    {"pass_upstream", FUNCTION(sip_branch_pass_upstream), METH_O, NULL},
    {"start", FUNCTION(sip_branch_start), METH_NOARGS, NULL},
    {"reach", FUNCTION(sip_branch_reach), METH_O, NULL},
    {"send", FUNCTION(sip_branch_send), METH_NOARGS, NULL},
    {"stop_timers", FUNCTION(sip_branch_stop_timers), METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef branch_members[] = {
    FIXED(BranchObject, context),
    FIXED(BranchObject, target),
    FIXED(BranchObject, request),
    OBJECT(BranchObject, destinations),
    OBJECT(BranchObject, via_branch),
    OBJECT(BranchObject, flow),
    OBJECT(BranchObject, outcome),
    OBJECT(BranchObject, transaction),
    OBJECT(BranchObject, timer_c),
    OBJECT(BranchObject, silence_timer),
    OBJECT(BranchObject, current),
    OBJECT(BranchObject, waiting),
    {"index", T_INT, offsetof(BranchObject, index), READONLY, NULL},
    NUMBER(BranchObject, status),
    TRUTH(BranchObject, cancelling),
    {"timer_c_extended", T_DOUBLE, offsetof(BranchObject, timer_c_extended), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_branch_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.BranchBase",
    .tp_basicsize = sizeof(BranchObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = branch_new,
    .tp_dealloc = (destructor)branch_dealloc,
    .tp_methods = branch_methods,
    .tp_members = branch_members,
};
