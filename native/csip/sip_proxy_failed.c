/* A branch that ends without success, and what becomes of its request then (RFC 3261 sections 16.7 items 4 and 5, and 16.9). */
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

/* Nobody there gave an answer, or one that says that it is not the place to ask (RFC 3263 section 4.3). */
static bool is_lost(const BranchObject *branch) {
    bool silent = branch->answer == Py_None;
    return branch->status == 503 || (silent && (branch->status == 408 || branch->status == 502));
}

/* Whether its target may be tried another way: with credentials, at its next destination or over another flow. -1 with an exception. */
static int has_another_way(const ContextObject *self, const BranchObject *branch) {
    static struct sip_py_word word_spare = {"spare", NULL};
    if (self->stopped) return 0;
    if (sip_is_challenge(branch->status) && branch->answer != Py_None && self->exchange != Py_None) return 1;
    int left = is_lost(branch) ? PyObject_IsTrue(branch->destinations) : 0;
    return left ? left : sip_py_is(branch->target, &word_spare);
}

/* 1 when it is. */
static int try_again(ContextObject *self, BranchObject *branch) {
    static struct sip_py_word word_try_again = {"try_again", NULL};
    int may = has_another_way(self, branch);
    if (may <= 0) return may;
    return sip_py_truth(sip_py_call((PyObject *)self, &word_try_again, (PyObject *)branch, NULL));
}

/* Those behind a target that fails over are not tried once it gave an answer. */
static int note_answer(ContextObject *self, const BranchObject *branch) {
    static struct sip_py_word word_failover = {"failover", NULL};
    int stays = is_lost(branch) ? 0 : sip_py_is(branch->target, &word_failover);
    if (stays > 0) self->stay = true;
    return stays < 0 ? -1 : 0;
}

static int group_failed(ContextObject *self) {
    bool more = PyTuple_GET_SIZE(self->groups) && !self->stopped && !self->stay;
    return more ? sip_context_start(self) : sip_context_settle(self);
}

static int keep(ContextObject *self, BranchObject *branch) {
    PyObject *failed = sip_proxy_appended(self->failed, (PyObject *)branch);
    if (failed) Py_SETREF(self->failed, failed);
    return failed ? 0 : -1;
}

/* The caller holds both. */
static int go_on(ContextObject *self, BranchObject *branch) {
    self->pending--;
    if (keep(self, branch) < 0) return -1;
    if (self->sees & SIP_SEES_BRANCH_ENDS && sip_branch_tell_ended(branch) < 0) return -1;
    if (branch->status >= 600 && !self->stopped && sip_context_declined(self, branch->status) < 0) return -1;
    if (self->settled) return sip_py_done(sip_context_finish(self, NULL));
    int again = try_again(self, branch);
    if (again) return again < 0 ? -1 : 0;
    if (note_answer(self, branch) < 0) return -1;
    return self->pending ? 0 : group_failed(self);
}

int sip_branch_failed(BranchObject *self, int status, PyObject *reason, PyObject *answer) {
    PyObject *context = Py_NewRef(self->context);
    self->status = status;
    put(&self->reason, reason);
    put(&self->answer, answer);
    sip_branch_end_timers(self);
    int result = go_on((ContextObject *)context, self);
    Py_DECREF(context);
    return result;
}

int sip_branch_fail(BranchObject *self, int status, const char *reason) {
    if (self->status) return 0;
    PyObject *text = PyUnicode_FromString(reason);
    int result = text ? sip_branch_failed(self, status, text, Py_None) : -1;
    Py_XDECREF(text);
    return result;
}

PyObject *sip_branch_fail_method(BranchObject *self, PyObject *const *args, Py_ssize_t count) {
    long status = count == 2 ? PyLong_AsLong(args[0]) : 0;
    if (count != 2 || !PyUnicode_Check(args[1])) return PyErr_Format(PyExc_TypeError, "a status and a reason expected");
    if (status == -1 && PyErr_Occurred()) return NULL;
    return sip_py_none(self->status ? 0 : sip_branch_failed(self, (int)status, args[1], Py_None));
}
