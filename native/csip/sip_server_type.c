/* native.sip.ServerTransactionBase: the actions of the server's machines (RFC 3261 section 17.2, RFC 6026, RFC 4320). What each
 * is for is said where it is declared, native/sip.pyi. */
#include "sip_flow.h"
#include "sip_py.h"
#include "sip_transaction.h"
#include "sip_transaction_type.h"
#include "structmember.h"

static void server_dealloc(ServerObject *self) {
    Py_XDECREF(self->reply_flow);
    sip_transaction_clear(&self->base);
}

/* A client whose connection is gone is to be reached another way (RFC 3261 section 18.2.2). */
static int replace_reply_flow(ServerObject *self, PyObject *data) {
    PyObject *response = sip_message_object(Py_NewRef(data));
    PyObject *flow = response ? sip_reply_flow(self->base.layer->flows, response, self->base.flow) : NULL;
    Py_XDECREF(response);
    if (!flow) return -1;
    Py_SETREF(self->reply_flow, flow);
    return 0;
}

static int transmit(ServerObject *self, PyObject *data) {
    int closed = PyBytes_Check(data) ? sip_flow_is_closed(self->reply_flow) : -1;
    if (closed < 0) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "the bytes of a response expected");
        return -1;
    }
    if (closed && replace_reply_flow(self, data) < 0) return -1;
    return sip_flow_send(self->reply_flow, data);
}

/* --- actions --- */

static PyObject *send(ServerObject *self, PyObject *data) {
    int result = transmit(self, data);
    if (PyBytes_Check(data)) Py_XSETREF(self->base.last, Py_NewRef(data)); /* also of what could not leave now */
    return sip_py_none(result);
}

static PyObject *pass_on(ServerObject *self, PyObject *data) {
    if (transmit(self, data) < 0) return NULL;
    Py_CLEAR(self->base.last);
    Py_RETURN_NONE;
}

static PyObject *resend(ServerObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(self->base.last ? sip_flow_send(self->reply_flow, self->base.last) : 0);
}

static PyObject *send_trying(ServerObject *self, PyObject *unused) {
    (void)unused;
    if (self->base.last || !self->base.request) Py_RETURN_NONE;
    if (!(self->base.last = sip_message_trying((MessageObject *)self->base.request, NULL))) return NULL;
    return sip_py_none(sip_flow_send(self->reply_flow, self->base.last));
}

static PyObject *tell_ack(ServerObject *self, PyObject *ack) {
    static struct sip_py_word on_ack = {"on_ack", NULL};
    return sip_py_call(self->base.layer->user, &on_ack, ack, self->base.flow);
}

static PyObject *start_g(ServerObject *self, PyObject *unused) {
    (void)unused;
    int reliable = sip_flow_is_reliable(self->reply_flow);
    if (reliable) return sip_py_none(reliable < 0 ? -1 : 0);
    self->base.interval_s = self->base.layer->delays.t1_s;
    sip_retransmit_after(&self->base, SIP_ON_TIMER_G, self->base.interval_s);
    Py_RETURN_NONE;
}

static PyObject *restart_g(ServerObject *self, PyObject *unused) {
    (void)unused;
    double doubled_s = 2 * self->base.interval_s, t2_s = self->base.layer->delays.t2_s;
    self->base.interval_s = doubled_s < t2_s ? doubled_s : t2_s;
    sip_retransmit_after(&self->base, SIP_ON_TIMER_G, self->base.interval_s);
    Py_RETURN_NONE;
}

static PyObject *start_h(ServerObject *self, PyObject *unused) {
    (void)unused;
    sip_wait(&self->base, SIP_ON_TIMER_H, self->base.layer->delays.timeout_s);
    Py_RETURN_NONE;
}

static PyObject *settle_i(ServerObject *self, PyObject *unused) {
    (void)unused;
    Py_CLEAR(self->base.last);
    return sip_py_none(sip_settle(&self->base, self->reply_flow, SIP_ON_TIMER_I, self->base.layer->delays.t4_s));
}

static PyObject *settle_j(ServerObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_settle(&self->base, self->reply_flow, SIP_ON_TIMER_J, self->base.layer->delays.timeout_s));
}

static PyObject *settle_l(ServerObject *self, PyObject *unused) {
    (void)unused;
    sip_stop_timers(&self->base);
    sip_wait(&self->base, SIP_ON_TIMER_L, self->base.layer->delays.timeout_s);
    Py_RETURN_NONE;
}

static PyObject *start_expiry(ServerObject *self, PyObject *unused) {
    const struct sip_delays *delays = &self->base.layer->delays;
    (void)unused;
    sip_wait(&self->base, SIP_ON_TIMER_EXPIRED, delays->timeout_s - delays->non_invite_trying_s);
    Py_RETURN_NONE;
}

static PyObject *release(ServerObject *self, PyObject *unused) {
    (void)unused;
    Py_CLEAR(self->base.request);
    Py_CLEAR(self->base.owner);
    Py_RETURN_NONE;
}

static PyObject *forget(ServerObject *self, PyObject *unused) {
    (void)unused;
    sip_stop_timers(&self->base);
    Py_CLEAR(self->base.owner);
    return sip_py_none(sip_layer_forget(self->base.layer->servers, self->base.key));
}

/* --- for its user --- */

int sip_server_answer(PyObject *transaction, int status, PyObject *data) {
    static struct sip_py_word answer = {"answer", NULL};
    if (sip_py_is_a(transaction, &sip_server_type))
        return sip_step((TransactionObject *)transaction, sip_response_event(status), data);
    PyObject *number = PyLong_FromLong(status), *result = number ? sip_py_call(transaction, &answer, number, data) : NULL;
    Py_XDECREF(number);
    return sip_py_done(result);
}

int sip_server_answer_once(PyObject *transaction, int status, PyObject *data) {
    if (!sip_py_is_a(transaction, &sip_server_type)) return sip_server_answer(transaction, status, data);
    return sip_step((TransactionObject *)transaction, SIP_ON_ONCE, data);
}

static PyObject *answer(ServerObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "a status and the bytes of a response expected");
    long status = PyLong_AsLong(args[0]);
    if (status == -1 && PyErr_Occurred()) return NULL;
    return sip_py_none(sip_step(&self->base, sip_response_event((int)status), args[1]));
}

int sip_server_respond(PyObject *transaction, PyObject *response) {
    static struct sip_py_word word = {"respond", NULL};
    ServerObject *self = (ServerObject *)transaction;
    if (!sip_py_is_a(transaction, &sip_server_type)) return sip_py_do(transaction, &word, response, NULL);
    int reliable = sip_flow_is_reliable(self->reply_flow);
    PyObject *data = reliable < 0 ? NULL : sip_message_wire((MessageObject *)response, reliable);
    if (!data) return -1;
    int result = sip_step(&self->base, sip_response_event(((MessageObject *)response)->core.status), data);
    Py_DECREF(data);
    return result;
}

static PyObject *respond(ServerObject *self, PyObject *response) {
    if (!Py_IS_TYPE(response, &sip_message_type)) return PyErr_Format(PyExc_TypeError, "a Message expected");
    return sip_py_none(sip_server_respond((PyObject *)self, response));
}

#define ACTION(name) {#name, FUNCTION(name), METH_O, NULL}
static PyMethodDef methods[] = {
    {"answer", FUNCTION(answer), METH_FASTCALL, NULL},
    {"respond", FUNCTION(respond), METH_O, NULL},
    ACTION(send),
    ACTION(pass_on),
    ACTION(resend),
    ACTION(send_trying),
    ACTION(tell_ack),
    ACTION(start_g),
    ACTION(restart_g),
    ACTION(start_h),
    ACTION(settle_i),
    ACTION(settle_j),
    ACTION(settle_l),
    ACTION(start_expiry),
    ACTION(release),
    ACTION(forget),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"flow", T_OBJECT_EX, offsetof(ServerObject, base.flow), READONLY, NULL},
    {"reply_flow", T_OBJECT_EX, offsetof(ServerObject, reply_flow), READONLY, NULL},
    {"response", T_OBJECT, offsetof(ServerObject, base.last), READONLY, NULL},
    {"number", T_ULONGLONG, offsetof(ServerObject, number), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_server_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.ServerTransactionBase",
    .tp_base = &sip_transaction_type,
    .tp_basicsize = sizeof(ServerObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)server_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
