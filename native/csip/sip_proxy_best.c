/* The response that goes upstream when every branch has failed (RFC 3261 section 16.7 items 6 and 7). */
#include "sip_proxy.h"
#include "sip_py.h"

static bool is_one_of(int status, const int *statuses, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (statuses[i] == status) return true;
    return false;
}

/* Lower is better: 6xx, then what somebody answered, then the lowest class, then what helps the caller to ask again. */
static int rank(const BranchObject *branch) {
    static const int telling[] = {401, 407, 415, 420, 484}; /* they say how to ask again */
    static const int least[] = {408, 487, 503};             /* they say nothing about the callee */
    int status = branch->status;
    int within = is_one_of(status, telling, sizeof telling / sizeof *telling) ? 0 : is_one_of(status, least, sizeof least / sizeof *least) ? 2 : 1;
    return (2 * (status < 600) + (branch->answer == Py_None)) * 100 + status / 100 * 10 + within;
}

/* The first of the best; borrowed, NULL when there is none. */
static BranchObject *best_of(PyObject *failed) {
    BranchObject *best = NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(failed); i++) {
        BranchObject *branch = (BranchObject *)PyTuple_GET_ITEM(failed, i);
        if (!best || rank(branch) < rank(best)) best = branch;
    }
    return best;
}

static int answer(ContextObject *self, BranchObject *best) {
    static struct sip_py_word answer_for = {"answer_for", NULL}, join_challenges = {"join_challenges", NULL};
    PyObject *branch = (PyObject *)best;
    if (best->answer == Py_None || best->status == 503) return sip_py_do((PyObject *)self, &answer_for, branch, NULL);
    bool joins = sip_is_challenge(best->status) && PyTuple_GET_SIZE(self->failed) > 1;
    if (joins && sip_py_do((PyObject *)self, &join_challenges, branch, NULL) < 0) return -1;
    return sip_branch_pass_upstream(best, best->answer);
}

int sip_context_settle(ContextObject *self) {
    BranchObject *best = (BranchObject *)Py_XNewRef(best_of(self->failed));
    self->settled = true;
    if (!best) PyErr_SetString(PyExc_ValueError, "no branch has failed");
    int result = best ? answer(self, best) : -1;
    Py_XDECREF(best);
    return result;
}

PyObject *sip_context_settle_method(ContextObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_context_settle(self));
}
