/* A response on its way from the client transaction to the server transaction (RFC 3261 section 16.7). */
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_transaction.h"


/* --- the end of the request --- */

static void release_branch(BranchObject *self) {
    Py_CLEAR(self->request);
    Py_XSETREF(self->destinations, Py_NewRef(Py_None));
    Py_XSETREF(self->transaction, Py_NewRef(Py_None));
    Py_XSETREF(self->answer, Py_NewRef(Py_None));
}

void sip_inbound_release(InboundObject *self) {
    Py_CLEAR(self->message);
    Py_XSETREF(self->context, Py_NewRef(Py_None));
}

/* Lets go of the messages when nothing is left to wait for; a late 2xx needs none of them. The caller holds the context. */
static int finish(ContextObject *self) {
    InboundObject *request = sip_inbound_of(self);
    if (self->pending || !self->status || request->context == Py_None) return 0;
    PyObject *none = PyTuple_New(0);
    if (!none) return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->branches); i++)
        release_branch((BranchObject *)PyTuple_GET_ITEM(self->branches, i));
    Py_SETREF(self->branches, Py_NewRef(none));
    Py_SETREF(self->failed, none);
    sip_inbound_release(request);
    return 0;
}

static int ended(ContextObject *self, int status) {
    static struct sip_py_word word_ended = {"ended", NULL};
    sip_inbound_of(self)->status = self->status = status;
    if (self->sees & (status < 300 ? SIP_SEES_END : SIP_SEES_END | SIP_SEES_FAILED_END)) {
        PyObject *number = PyLong_FromLong(status);
        PyObject *done = number ? sip_py_call(self->exchange, &word_ended, (PyObject *)self, number) : NULL;
        Py_XDECREF(number);
        if (sip_exchange_told(self, done) < 0) return -1;
    }
    return finish(self);
}

/* --- upstream --- */

/* Sends a response that may go there now (items 5 and 9). */
static int forward(ContextObject *self, MessageObject *response) {
    static struct sip_py_word respond_late = {"respond_late", NULL};
    InboundObject *request = sip_inbound_of(self);
    int status = response->core.status;
    if (self->status) {
        bool late = status >= 200 && status < 300 && self->invite;
        return late ? sip_py_do((PyObject *)request, &respond_late, (PyObject *)response, NULL) : 0;
    }
    bool silent = status == 408 && !self->invite; /* RFC 4320 section 4.2 */
    if (!silent && sip_server_respond(request->transaction, (PyObject *)response) < 0) return -1;
    return status >= 200 ? ended(self, status) : 0;
}

/* Whether the exchange wants to see this response. */
static bool seen(const ContextObject *self, const MessageObject *response) {
    int status = response->core.status;
    int kind = status < 200 ? SIP_SEES_PROVISIONALS : status < 300 ? SIP_SEES_SUCCESSES : SIP_SEES_FAILURES;
    if (self->sees & kind) return true;
    return self->sees & SIP_SEES_IDENTITIES &&
           (sip_has_line(&response->core, SIP_P_ASSERTED_IDENTITY) || sip_has_line(&response->core, SIP_P_PREFERRED_IDENTITY));
}

/* `proceed` for an exchange that looks on: it makes no difference. */
static PyObject *proceeds_anyway(PyObject *unused, PyObject *arguments, PyObject *keywords) {
    (void)unused, (void)arguments, (void)keywords;
    Py_RETURN_NONE;
}

int sip_exchange_shown(BranchObject *branch, struct sip_py_word *method, PyObject *message, PyObject *proceed) {
    static PyMethodDef definition = {"proceed", FUNCTION(proceeds_anyway), METH_VARARGS | METH_KEYWORDS, NULL};
    static PyObject *anyway;
    if (!proceed && !anyway && !(anyway = PyCFunction_New(&definition, NULL))) return -1;
    if (!proceed) proceed = anyway;
    PyObject *args[] = {sip_context_of(branch)->exchange, (PyObject *)branch, message, proceed};
    return sip_py_done(sip_py_call_with(method, args, 4));
}

static int pass_upstream(BranchObject *self, MessageObject *response) {
    static struct sip_py_word response_in = {"response_in", NULL};
    ContextObject *context = sip_context_of(self);
    if (context->exchange == Py_None) return forward(context, response);
    if (!context->looks_on) return sip_branch_offer(self, response);
    if (seen(context, response) && sip_exchange_shown(self, &response_in, (PyObject *)response, NULL) < 0) return -1;
    return forward(context, response);
}

/* --- the branch --- */

int sip_branch_tell_ended(BranchObject *self) {
    static struct sip_py_word branch_ended = {"branch_ended", NULL};
    ContextObject *context = sip_context_of(self);
    PyObject *number = PyLong_FromLong(self->status);
    PyObject *done = number ? sip_py_call(context->exchange, &branch_ended, (PyObject *)self, number) : NULL;
    Py_XDECREF(number);
    return sip_exchange_told(context, done);
}

/* A 2xx: the first ends the branch, and the others of the request. */
static int succeeded(BranchObject *self, MessageObject *response) {
    ContextObject *context = sip_context_of(self);
    bool first = !self->status;
    self->status = response->core.status;
    sip_branch_end_timers(self);
    if (first) {
        context->pending--;
        if (context->sees & SIP_SEES_BRANCH_ENDS && sip_branch_tell_ended(self) < 0) return -1;
    }
    context->settled = true;
    if (context->pending && sip_context_completed(context) < 0) return -1;
    return pass_upstream(self, response);
}

static int take(BranchObject *self, MessageObject *response) {
    static struct sip_py_word without_via = {"without_via", NULL}, unwanted = {"unwanted", NULL};
    PyObject *branch = (PyObject *)self, *message = (PyObject *)response;
    int status = response->core.status;
    if (status < 200 && sip_branch_restart_timers(self, status) < 0) return -1;
    if (status == 100) return 0;
    PyObject *more = sip_message_pop_via(response, NULL);
    if (!more) return -1;
    Py_DECREF(more); /* one of the two that are always there */
    if (more == Py_False) return sip_py_do(branch, &without_via, message, NULL);
    if (status >= 300) return self->status ? 0 : sip_branch_failed(self, status, Py_None, message);
    if (status >= 200) return succeeded(self, response);
    if (!sip_context_of(self)->invite) return sip_py_do(branch, &unwanted, message, NULL);
    return self->status || sip_context_of(self)->status ? 0 : pass_upstream(self, response);
}

/* The context may be let go of meanwhile by all who hold it but us. */
#define HOLDING(context, what)        \
    PyObject *held = Py_NewRef(context); \
    int result = what;                \
    Py_DECREF(held)

int sip_branch_response(BranchObject *self, MessageObject *response) {
    static struct sip_py_word a_response = {"a response", NULL};
    HOLDING(self->context, sip_branch_mended(self, &a_response, sip_branch_read(self, response, take(self, response))));
    return result;
}

static bool is_message(PyObject *object) {
    if (Py_IS_TYPE(object, &sip_message_type)) return true;
    PyErr_Format(PyExc_TypeError, "Message expected, not %.100s", Py_TYPE(object)->tp_name);
    return false;
}

PyObject *sip_branch_on_response(BranchObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "transaction and response expected");
    return is_message(args[1]) ? sip_py_none(sip_branch_response(self, (MessageObject *)args[1])) : NULL;
}

int sip_branch_pass_upstream(BranchObject *self, PyObject *response) {
    if (!is_message(response)) return -1;
    HOLDING(self->context, pass_upstream(self, (MessageObject *)response));
    return result;
}

PyObject *sip_context_forward(ContextObject *self, PyObject *response) {
    return is_message(response) ? sip_py_none(forward(self, (MessageObject *)response)) : NULL;
}

PyObject *sip_context_end(ContextObject *self, PyObject *status) {
    long number = PyLong_AsLong(status);
    return number == -1 && PyErr_Occurred() ? NULL : sip_py_none(ended(self, (int)number));
}

PyObject *sip_context_finish(ContextObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(finish(self));
}
