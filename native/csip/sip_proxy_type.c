/* The bases of ResponseContext and Branch: their fields and their lives. */
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

PyObject *sip_proxy_new(PyTypeObject *class, size_t first, size_t count) {
    PyObject *self = class->tp_alloc(class, 0);
    for (size_t i = 0; self && i < count; i++) ((PyObject **)((char *)self + first))[i] = Py_NewRef(Py_None);
    return self;
}

void sip_proxy_free(PyObject *self, size_t first, size_t count) {
    while (count--) Py_CLEAR(((PyObject **)((char *)self + first))[count]);
    Py_TYPE(self)->tp_free(self);
}

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
    ContextObject *self = SIP_NEW(ContextObject, class, core);
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
    put(&self->failed, empty);
    Py_DECREF(empty);
    self->invite = sip_py_is_method(((MessageObject *)request->message)->method, SIP_INVITE);
    return self;
}

static PyObject *context_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"request", "exchange", "groups", NULL};
    PyObject *request, *exchange, *groups;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO!:ResponseContext", keywords, &sip_inbound_type, &request, &exchange, &PyTuple_Type,
                                     &groups))
        return NULL;
    return (PyObject *)sip_context_new(class, (InboundObject *)request, exchange, groups);
}

static void context_dealloc(ContextObject *self) {
    sip_proxy_free((PyObject *)self, offsetof(ContextObject, core), SIP_OBJECTS(ContextObject, core));
}

static PyMethodDef context_methods[] = {
    SIP_PY_UNWALKED,
    {"forward", FUNCTION(sip_context_forward), METH_O, NULL},
    {"end", FUNCTION(sip_context_end), METH_O, NULL},
    {"finish", FUNCTION(sip_context_finish), METH_NOARGS, NULL},
    {"settle", FUNCTION(sip_context_settle_method), METH_NOARGS, NULL},
    {"stop", FUNCTION(sip_context_stop), METH_O, NULL},
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
    HIDDEN(ContextObject, T_OBJECT_EX, failed),
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
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = context_methods,
    .tp_members = context_members,
};

/* --- Branch --- */

BranchObject *sip_branch_new(PyTypeObject *class, ContextObject *context, PyObject *target, PyObject *destinations) {
    BranchObject *self = SIP_NEW(BranchObject, class, context);
    PyObject *branches = self ? sip_proxy_appended(context->branches, (PyObject *)self) : NULL;
    if (!branches) {
        Py_XDECREF(self);
        return NULL;
    }
    self->index = (int)PyTuple_GET_SIZE(context->branches);
    self->timer_c.kind = &sip_timer_c_kind;
    self->silence.kind = &sip_silence_kind;
    put(&self->context, (PyObject *)context);
    put(&self->target, target);
    put(&self->destinations, destinations);
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
    sip_proxy_free((PyObject *)self, offsetof(BranchObject, context), SIP_OBJECTS(BranchObject, context));
}

static PyMethodDef branch_methods[] = {
    SIP_PY_UNWALKED,
    {"on_response", FUNCTION(sip_branch_on_response), METH_FASTCALL, NULL},
    {"start", FUNCTION(sip_branch_start), METH_NOARGS, NULL},
    {"reach", FUNCTION(sip_branch_reach), METH_O, NULL},
    {"send", FUNCTION(sip_branch_send), METH_NOARGS, NULL},
    {"cancel", FUNCTION(sip_branch_cancel), METH_FASTCALL, NULL},
    {"fail", FUNCTION(sip_branch_fail_method), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef branch_members[] = {
    FIXED(BranchObject, context),
    FIXED(BranchObject, target),
    FIXED(BranchObject, request),
    OBJECT(BranchObject, destinations),
    OBJECT(BranchObject, via_branch),
    OBJECT(BranchObject, flow),
    FIXED(BranchObject, reason),
    FIXED(BranchObject, answer),
    OBJECT(BranchObject, transaction),
    OBJECT(BranchObject, current),
    OBJECT(BranchObject, waiting),
    {"index", T_INT, offsetof(BranchObject, index), READONLY, NULL},
    NUMBER(BranchObject, status),
    TRUTH(BranchObject, cancelling),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_branch_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.BranchBase",
    .tp_basicsize = sizeof(BranchObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = branch_new,
    .tp_dealloc = (destructor)branch_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = branch_methods,
    .tp_members = branch_members,
};
