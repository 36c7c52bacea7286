/* The targets of a request, group after group (RFC 3261 section 16.6), and at once within each. */
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

PyObject *sip_proxy_appended(PyObject *tuple, PyObject *item) {
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    PyObject *longer = PyTuple_New(count + 1);
    if (!longer) return NULL;
    for (Py_ssize_t i = 0; i < count; i++) PyTuple_SET_ITEM(longer, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    PyTuple_SET_ITEM(longer, count, Py_NewRef(item));
    return longer;
}

/* The context keeps them. */
static int add_branches(ContextObject *self, PyObject *targets) {
    PyTypeObject *class = sip_proxy_class(((CoreObject *)self->core)->branch_class, &sip_branch_type);
    for (Py_ssize_t i = 0; class && i < PyList_GET_SIZE(targets); i++) {
        BranchObject *branch = sip_branch_new(class, self, PyList_GET_ITEM(targets, i), Py_None);
        if (!branch) return -1;
        Py_DECREF(branch);
    }
    return class ? 0 : -1;
}

/* All of them are there before the first leaves, as that may have failed at once. */
static int start_branches(ContextObject *self, PyObject *targets) {
    Py_ssize_t first = PyTuple_GET_SIZE(self->branches);
    if (add_branches(self, targets) < 0) return -1;
    PyObject *branches = Py_NewRef(self->branches);
    int result = 0;
    for (Py_ssize_t i = first; result == 0 && !self->stopped && i < PyTuple_GET_SIZE(branches); i++)
        result = sip_py_done(sip_branch_start((BranchObject *)PyTuple_GET_ITEM(branches, i), NULL));
    Py_DECREF(branches);
    return result;
}

static int start_group(ContextObject *self, PyObject *targets) {
    static struct sip_py_word refuse_breadth = {"refuse_breadth", NULL};
    if (!PyList_Check(targets) || !PyList_GET_SIZE(targets)) {
        PyErr_SetString(PyExc_TypeError, "a group is a list of targets");
        return -1;
    }
    self->share = (int)(sip_inbound_of(self)->breadth / PyList_GET_SIZE(targets));
    if (!self->share) return sip_py_do((PyObject *)self, &refuse_breadth, NULL, NULL);
    self->stay = false;
    return start_branches(self, targets);
}

int sip_context_start(ContextObject *self) {
    Py_ssize_t count = PyTuple_GET_SIZE(self->groups);
    PyObject *rest = PyTuple_GetSlice(self->groups, 1, count), *targets = rest && count ? Py_NewRef(PyTuple_GET_ITEM(self->groups, 0)) : NULL;
    if (rest) Py_SETREF(self->groups, rest);
    if (rest && !targets) PyErr_SetString(PyExc_ValueError, "no targets are left");
    int result = targets ? start_group(self, targets) : -1;
    Py_XDECREF(targets);
    return result;
}

/* --- a request --- */

/* An error of ours keeps it from its targets: whoever waits for it is told. */
static int mended(InboundObject *self, int result) {
    static struct sip_py_word broke = {"broke", NULL};
    if (result == 0 || !PyErr_ExceptionMatches(PyExc_Exception)) return result;
    result = sip_py_done(sip_py_caught((PyObject *)self, &broke, NULL));
    if (result < 0) put(&self->context, Py_None); /* a circle otherwise */
    return result;
}

int sip_inbound_begin(InboundObject *self, PyObject *groups, PyObject *exchange) {
    PyTypeObject *class = sip_proxy_class(((CoreObject *)self->core)->context_class, &sip_context_type);
    ContextObject *context = class ? sip_context_new(class, self, exchange, groups) : NULL;
    if (!context) return -1;
    put(&self->context, (PyObject *)context);
    int result = mended(self, sip_context_start(context));
    Py_DECREF(context);
    return result;
}

PyObject *sip_inbound_begin_method(InboundObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !PyTuple_Check(args[0])) return PyErr_Format(PyExc_TypeError, "groups and an exchange expected");
    return sip_py_none(sip_inbound_begin(self, args[0], args[1]));
}
