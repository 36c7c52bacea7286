/* Branches that are to end: CANCEL, and what it says of why (RFC 3261 sections 9.1, 16.7 item 10 and 16.10, RFC 3326). */
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_transaction.h"

static int cancel(BranchObject *self, PyObject *headers) {
    if (self->status) return 0;
    self->cancelling = true;
    if (self->transaction == Py_None) return sip_branch_fail(self, 487, "Request Terminated");
    if (!sip_context_of(self)->invite) return 0;
    sip_branch_end_timer_c(self);
    return sip_client_cancel(self->transaction, headers);
}

/* No new branches; those that wait are cancelled. The caller holds the context. */
static int stop(ContextObject *self, PyObject *headers) {
    PyObject *branches = Py_NewRef(self->branches);
    int result = 0;
    self->stopped = true;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(branches); i++)
        result = cancel((BranchObject *)PyTuple_GET_ITEM(branches, i), headers);
    Py_DECREF(branches);
    return result;
}

/* Steals `headers`, which may be NULL with an exception. */
static int stop_for(ContextObject *self, PyObject *headers) {
    int result = headers ? stop(self, headers) : -1;
    Py_XDECREF(headers);
    return result;
}

int sip_context_completed(ContextObject *self) {
    static PyObject *headers;
    if (!headers && !(headers = Py_BuildValue("((ss))", "Reason", "SIP;cause=200;text=\"Call completed elsewhere\""))) return -1;
    return stop(self, headers);
}

int sip_context_declined(ContextObject *self, int status) {
    PyObject *reason = PyUnicode_FromFormat("SIP;cause=%d;text=\"Declined elsewhere\"", status);
    return stop_for(self, reason ? Py_BuildValue("((sN))", "Reason", reason) : NULL);
}

PyObject *sip_context_stop(ContextObject *self, PyObject *headers) {
    return sip_py_none(stop(self, headers));
}

/* `headers` may be left out. */
PyObject *sip_branch_cancel(BranchObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count > 1) return PyErr_Format(PyExc_TypeError, "headers expected");
    PyObject *headers = count ? Py_NewRef(args[0]) : PyTuple_New(0);
    int result = headers ? cancel(self, headers) : -1;
    Py_XDECREF(headers);
    return sip_py_none(result);
}
