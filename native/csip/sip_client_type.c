/* native.sip.ClientTransactionBase: the actions of the client's machines (RFC 3261 section 17.1, RFC 6026). What each is for is said
 * where it is declared, native/sip.pyi; ACK and CANCEL are in sip_client_end.c. */
#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_transaction_type.h"
#include "structmember.h"

static void client_dealloc(ClientObject *self) {
    Py_XDECREF(self->datagram_flow);
    Py_XDECREF(self->cancel_headers);
    sip_transaction_clear(&self->base);
}

/* --- the request leaves --- */

/* Timer B or F. */
static void await_timeout(ClientObject *self, double delay_s) {
    sip_wait(&self->base, self->base.state == SIP_CALLING ? SIP_ON_TIMER_B : SIP_ON_TIMER_F, delay_s);
}

int sip_client_send_first(ClientObject *self, PyObject *data) {
    const struct sip_delays *delays = &self->base.layer->delays;
    Py_XSETREF(self->base.last, Py_NewRef(data));
    int reliable = sip_flow_is_reliable(self->base.flow);
    if (reliable < 0 || sip_flow_send(self->base.flow, data) < 0) return -1;
    if (reliable) {
        if (!self->base.wait.next) await_timeout(self, delays->timeout_s);
        return 0;
    }
    self->base.interval_s = delays->t1_s;
    enum sip_event event = self->base.state == SIP_CALLING ? SIP_ON_TIMER_A : SIP_ON_TIMER_E;
    sip_retransmit_after(&self->base, event, delays->t1_s);
    return 0;
}

static PyObject *send_first(ClientObject *self, PyObject *data) {
    if (!PyBytes_Check(data)) return PyErr_Format(PyExc_TypeError, "the bytes of a request expected");
    return sip_py_none(sip_client_send_first(self, data));
}

static PyObject *resend(ClientObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(self->base.last ? sip_flow_send(self->base.flow, self->base.last) : 0);
}

/* Until the first retransmission Timer A or E, which is shorter, does for Timer B or F. */
static PyObject *restart(ClientObject *self, enum sip_event event, double interval_s) {
    const struct sip_delays *delays = &self->base.layer->delays;
    if (!self->base.wait.next) await_timeout(self, delays->timeout_s - delays->t1_s);
    self->base.interval_s = interval_s;
    sip_retransmit_after(&self->base, event, interval_s);
    Py_RETURN_NONE;
}

static PyObject *restart_a(ClientObject *self, PyObject *unused) {
    (void)unused;
    return restart(self, SIP_ON_TIMER_A, 2 * self->base.interval_s);
}

static PyObject *restart_e(ClientObject *self, PyObject *unused) {
    double doubled_s = 2 * self->base.interval_s, t2_s = self->base.layer->delays.t2_s;
    (void)unused;
    return restart(self, SIP_ON_TIMER_E, doubled_s < t2_s ? doubled_s : t2_s);
}

static PyObject *restart_e_slowly(ClientObject *self, PyObject *unused) {
    (void)unused;
    return restart(self, SIP_ON_TIMER_E, self->base.layer->delays.t2_s);
}

/* --- what the owner is told --- */

static bool is_there(PyObject *object) { return object && object != Py_None; }

static PyObject *tell(ClientObject *self, PyObject *response) {
    static struct sip_py_word on_response = {"on_response", NULL};
    if (!Py_IS_TYPE(response, &sip_message_type)) return PyErr_Format(PyExc_TypeError, "a Message expected");
    self->last_status = ((MessageObject *)response)->core.status;
    PyObject *owner = self->base.owner;
    if (!is_there(owner)) Py_RETURN_NONE;
    Py_INCREF(owner);
    int told = sip_py_is_a(owner, &sip_branch_type)
                   ? sip_branch_response((BranchObject *)owner, (MessageObject *)response)
                   : sip_py_do(owner, &on_response, (PyObject *)self, response);
    Py_DECREF(owner);
    return sip_py_none(told);
}

static PyObject *tell_end(ClientObject *self, struct sip_py_word *word) {
    PyObject *owner = self->base.owner;
    if (!is_there(owner)) Py_RETURN_NONE;
    static struct sip_py_word its_end = {"the end of a request", NULL};
    Py_INCREF(owner);
    int told = sip_py_do(owner, word, (PyObject *)self, NULL);
    if (sip_py_is_a(owner, &sip_branch_type)) told = sip_branch_mended((BranchObject *)owner, &its_end, told);
    Py_DECREF(owner);
    return sip_py_none(told);
}

static PyObject *tell_timeout(ClientObject *self, PyObject *unused) {
    static struct sip_py_word on_timeout = {"on_timeout", NULL};
    (void)unused;
    return tell_end(self, &on_timeout);
}

static PyObject *tell_transport_error(ClientObject *self, PyObject *unused) {
    static struct sip_py_word on_transport_error = {"on_transport_error", NULL};
    (void)unused;
    return tell_end(self, &on_transport_error);
}

/* --- the end --- */

static PyObject *settle_d(ClientObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_settle(&self->base, self->base.flow, SIP_ON_TIMER_D, self->base.layer->delays.timer_d_s));
}

static PyObject *settle_k(ClientObject *self, PyObject *unused) {
    (void)unused;
    Py_CLEAR(self->base.last);
    return sip_py_none(sip_settle(&self->base, self->base.flow, SIP_ON_TIMER_K, self->base.layer->delays.t4_s));
}

static PyObject *settle_m(ClientObject *self, PyObject *unused) {
    (void)unused;
    Py_CLEAR(self->base.last);
    sip_stop_timers(&self->base);
    sip_wait(&self->base, SIP_ON_TIMER_M, self->base.layer->delays.timeout_s);
    Py_RETURN_NONE;
}

static PyObject *release(ClientObject *self, PyObject *unused) {
    (void)unused;
    Py_CLEAR(self->base.request);
    Py_CLEAR(self->cancel_headers);
    if (self->base.state != SIP_ACCEPTED) Py_CLEAR(self->base.owner);
    Py_RETURN_NONE;
}

static PyObject *drop_owner(ClientObject *self, PyObject *unused) {
    (void)unused;
    Py_CLEAR(self->base.owner);
    Py_RETURN_NONE;
}

static PyObject *forget(ClientObject *self, PyObject *unused) {
    LayerObject *layer = self->base.layer;
    (void)unused;
    sip_stop_timers(&self->base);
    return sip_py_none(sip_layer_forget(layer->clients, self->base.key) < 0 ? -1 : sip_layer_unwatch(layer, self));
}

#define ACTION(name) {#name, FUNCTION(name), METH_O, NULL}
#define END(name) {#name, FUNCTION(sip_client_##name), METH_O, NULL}
static PyMethodDef methods[] = {
    ACTION(send_first),
    ACTION(resend),
    ACTION(restart_a),
    ACTION(restart_e),
    ACTION(restart_e_slowly),
    ACTION(tell),
    ACTION(tell_timeout),
    ACTION(tell_transport_error),
    END(send_ack),
    END(resend_ack),
    END(remember_cancel),
    END(send_cancel),
    END(send_remembered_cancel),
    ACTION(settle_d),
    ACTION(settle_k),
    ACTION(settle_m),
    ACTION(release),
    ACTION(drop_owner),
    ACTION(forget),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"flow", T_OBJECT_EX, offsetof(ClientObject, base.flow), 0, NULL},
    {"sent", T_OBJECT, offsetof(ClientObject, base.last), 0, NULL},
    {"datagram_flow", T_OBJECT, offsetof(ClientObject, datagram_flow), 0, NULL},
    {"last_status", T_INT, offsetof(ClientObject, last_status), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_client_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.ClientTransactionBase",
    .tp_base = &sip_transaction_type,
    .tp_basicsize = sizeof(ClientObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)client_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
