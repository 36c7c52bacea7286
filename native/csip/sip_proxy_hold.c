/* Messages that the application may hold back (sipcore/ports.py): they leave, in their order, when it calls `proceed`. */
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

/* What the application is given to let one go on. No garbage collector walks it: whoever holds it is to call it. */
typedef struct {
    PyObject_HEAD
    BranchObject *branch;
    MessageObject *response; /* NULL: the request of the branch */
} ProceedObject;

static PyTypeObject proceed_type;

static PyObject *proceed_new(BranchObject *branch, MessageObject *response) {
    ProceedObject *self = PyObject_New(ProceedObject, &proceed_type);
    if (!self) return NULL;
    self->branch = (BranchObject *)Py_NewRef(branch);
    self->response = (MessageObject *)Py_XNewRef(response);
    return (PyObject *)self;
}

static void proceed_dealloc(ProceedObject *self) {
    Py_XDECREF(self->response);
    Py_DECREF(self->branch);
    PyObject_Free(self);
}

static int called_twice(BranchObject *branch) {
    static struct sip_py_word twice = {"proceeded_twice", NULL};
    return sip_py_do((PyObject *)branch, &twice, NULL, NULL);
}

/* --- the request --- */

static int let_request_go(BranchObject *branch, PyObject *status, PyObject *reason) {
    static struct sip_py_word fail = {"fail", NULL};
    if (branch->status) return 0; /* cancelled meanwhile */
    if (branch->transaction != Py_None) return called_twice(branch);
    return status ? sip_py_do((PyObject *)branch, &fail, status, reason) : sip_py_done(sip_branch_send(branch, NULL));
}

/* --- a response --- */

static int show(BranchObject *branch, MessageObject *response) {
    static struct sip_py_word response_in = {"response_in", NULL};
    PyObject *proceed = proceed_new(branch, response);
    if (!proceed) return -1;
    put(&branch->current, (PyObject *)response);
    int result = sip_exchange_shown(branch, &response_in, (PyObject *)response, proceed);
    Py_DECREF(proceed);
    return result;
}

int sip_branch_offer(BranchObject *branch, MessageObject *response) {
    static struct sip_py_word enqueue = {"enqueue", NULL};
    if (branch->current == Py_None) return show(branch, response);
    return sip_py_do((PyObject *)branch, &enqueue, (PyObject *)response, NULL);
}

static int show_next(BranchObject *branch) {
    static struct sip_py_word popleft = {"popleft", NULL};
    int result = 0;
    while (result == 0 && branch->waiting != Py_None && branch->current == Py_None) {
        Py_ssize_t waiting = PyObject_Size(branch->waiting);
        if (waiting <= 0) return waiting < 0 ? -1 : 0;
        MessageObject *next = (MessageObject *)sip_py_call(branch->waiting, &popleft, NULL, NULL);
        result = next ? sip_branch_read(branch, next, show(branch, next)) : -1;
        Py_XDECREF(next);
    }
    return result;
}

static int settle(BranchObject *branch, MessageObject *response, PyObject *status, PyObject *reason) {
    static struct sip_py_word refuse = {"refuse", NULL};
    ContextObject *context = sip_context_of(branch);
    put(&branch->current, Py_None);
    int result = status ? sip_py_do((PyObject *)context, &refuse, status, reason)
                        : sip_branch_read(branch, response, sip_py_done(sip_context_forward(context, (PyObject *)response)));
    return result < 0 ? -1 : show_next(branch);
}

static int let_response_go(BranchObject *branch, MessageObject *response, PyObject *status, PyObject *reason) {
    static struct sip_py_word what = {"a response let through", NULL};
    if (branch->current != (PyObject *)response) return called_twice(branch);
    PyObject *held = Py_NewRef(branch->context);
    int result = sip_branch_mended(branch, &what, settle(branch, response, status, reason));
    Py_DECREF(held);
    return result;
}

/* --- both --- */

/* `status` and `reason`: why it must not; NULL when it may. */
static int go(ProceedObject *self, PyObject *status, PyObject *reason) {
    return self->response ? let_response_go(self->branch, self->response, status, reason) : let_request_go(self->branch, status, reason);
}

int sip_proceed(PyObject *proceed) {
    return Py_IS_TYPE(proceed, &proceed_type) ? go((ProceedObject *)proceed, NULL, NULL) : sip_py_done(PyObject_CallNoArgs(proceed));
}

static PyObject *proceed_call(ProceedObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"status", "reason", NULL};
    PyObject *status = NULL, *reason = NULL, *empty = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O!U:proceed", keywords, &PyLong_Type, &status, &reason)) return NULL;
    int refused = status ? PyObject_IsTrue(status) : 0;
    if (!reason && !(reason = empty = PyUnicode_New(0, 0))) return NULL;
    int result = go(self, refused ? status : NULL, reason);
    Py_XDECREF(empty);
    return sip_py_none(result);
}

static PyTypeObject proceed_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Proceed",
    .tp_basicsize = sizeof(ProceedObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)proceed_dealloc,
    .tp_call = (ternaryfunc)proceed_call,
};

int sip_proceed_init(void) { return PyType_Ready(&proceed_type); }

int sip_branch_show_request(BranchObject *branch) {
    static struct sip_py_word request_out = {"request_out", NULL};
    PyObject *proceed = proceed_new(branch, NULL);
    int result = proceed ? sip_exchange_shown(branch, &request_out, branch->request, proceed) : -1;
    Py_XDECREF(proceed);
    return result;
}
