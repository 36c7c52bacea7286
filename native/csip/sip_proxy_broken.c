/* Errors of ours in the midst of a proxied request. No garbage collector walks its objects, so each must come to its end. */
#include "sip_proxy.h"
#include "sip_py.h"

/* The circle of the context and its branches is cut, which is all that can be done then; who waits for an answer asks again. */
static void abandon(ContextObject *context) {
    PyObject *none = PyTuple_New(0);
    if (!none) return; /* it is kept ready, so this can't be */
    Py_SETREF(context->branches, Py_NewRef(none));
    Py_SETREF(context->failed, none);
    Py_XSETREF(sip_inbound_of(context)->context, Py_NewRef(Py_None));
}

int sip_branch_mended(BranchObject *self, struct sip_py_word *what, int result) {
    static struct sip_py_word broke = {"broke", NULL};
    if (result == 0 || !PyErr_ExceptionMatches(PyExc_Exception)) return result;
    PyObject *context = Py_NewRef(self->context), *text = sip_py_text(what);
    Py_INCREF(self);
    PyObject *done = text ? sip_py_caught((PyObject *)self, &broke, text) : NULL;
    if (!done) abandon((ContextObject *)context);
    Py_XDECREF(done);
    Py_DECREF(self);
    Py_DECREF(context);
    return done ? 0 : -1;
}

int sip_branch_read(BranchObject *self, MessageObject *response, int result) {
    static struct sip_py_word malformed = {"malformed", NULL};
    if (result == 0 || !PyErr_ExceptionMatches(sip_parse_error)) return result;
    return sip_py_done(sip_py_caught((PyObject *)self, &malformed, (PyObject *)response));
}

int sip_exchange_told(ContextObject *context, PyObject *result) {
    static struct sip_py_word report = {"report", NULL}, the_end = {"the end of a request", NULL};
    if (result || !PyErr_ExceptionMatches(PyExc_Exception)) return sip_py_done(result);
    PyObject *text = sip_py_text(&the_end);
    return text ? sip_py_done(sip_py_caught(context->core, &report, text)) : -1;
}
