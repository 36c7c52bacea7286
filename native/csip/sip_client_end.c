/* The actions of a client's machine that end an INVITE: ACK for a failure, and CANCEL (RFC 3261 sections 17.1.1.3 and 9.1). */
#include "sip_flow.h"
#include "sip_py.h"
#include "sip_transaction.h"
#include "sip_transaction_type.h"

/* Its flow, or when that is closed what the layer has in its place; a new reference. */
static PyObject *live_flow(ClientObject *self) {
    static struct sip_py_word word_live_flow = {"live_flow", NULL};
    int closed = sip_flow_is_closed(self->base.flow);
    if (closed > 0) return sip_py_call((PyObject *)self->base.layer, &word_live_flow, self->base.flow, NULL);
    return closed < 0 ? NULL : Py_NewRef(self->base.flow);
}

static MessageObject *derive(ClientObject *self, struct sip_slice method) {
    if (self->base.request) return (MessageObject *)sip_message_derived((MessageObject *)self->base.request, method);
    PyErr_SetString(PyExc_AttributeError, "request");
    return NULL;
}

/* --- ACK --- */

/* To is that of the response; of one with a quoted NUL, which can't be written anew, the branch has to tell whose it is. */
static int copy_to(MessageObject *ack, const MessageObject *response) {
    struct sip_scratch scratch;
    struct sip_slice to;
    if (sip_read_text(&response->core, SIP_TO, &scratch, &to) != SIP_OK || memchr(to.at, 0, to.size)) return 0;
    return sip_py_done(sip_message_edited(ack, SIP_TO, sip_set(&ack->core, sip_known(SIP_TO), to)));
}

PyObject *sip_client_send_ack(ClientObject *self, PyObject *response) {
    if (!Py_IS_TYPE(response, &sip_message_type)) return PyErr_Format(PyExc_TypeError, "a Message expected");
    MessageObject *ack = derive(self, SIP_TEXT("ACK"));
    PyObject *flow = ack && copy_to(ack, (MessageObject *)response) == 0 ? live_flow(self) : NULL;
    int reliable = flow ? sip_flow_is_reliable(flow) : -1;
    PyObject *data = reliable < 0 ? NULL : sip_message_wire(ack, reliable);
    int result = data ? 0 : -1;
    if (data) Py_XSETREF(self->base.last, Py_NewRef(data));
    if (data) result = sip_flow_send(flow, data);
    Py_XDECREF(data);
    Py_XDECREF(flow);
    Py_XDECREF(ack);
    return sip_py_none(result);
}

PyObject *sip_client_resend_ack(ClientObject *self, PyObject *unused) {
    (void)unused;
    PyObject *flow = self->base.last ? live_flow(self) : NULL;
    int result = flow ? sip_flow_send(flow, self->base.last) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(flow);
    return sip_py_none(result);
}

/* --- CANCEL --- */

static int remember(ClientObject *self, PyObject *headers) {
    PyObject *pairs = PySequence_Tuple(headers);
    if (pairs) Py_XSETREF(self->cancel_headers, pairs);
    return pairs ? 0 : -1;
}

static int append_headers(MessageObject *message, PyObject *pairs) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(pairs); i++) {
        PyObject *pair = PyTuple_GET_ITEM(pairs, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "headers are (name, value) pairs");
            return -1;
        }
        PyObject *args[] = {PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1)};
        if (sip_py_done(sip_message_append(message, args, 2)) < 0) return -1;
    }
    return 0;
}

/* Without a final response 64*T1 later the INVITE counts as cancelled. */
static int begin_cancel(ClientObject *self) {
    LayerObject *layer = self->base.layer;
    sip_wait(&self->base, SIP_ON_TIMER_CANCELLED, layer->delays.timeout_s);
    MessageObject *cancel = derive(self, SIP_TEXT("CANCEL"));
    PyObject *flow = cancel && append_headers(cancel, self->cancel_headers) == 0 ? live_flow(self) : NULL;
    PyObject *client = flow ? sip_layer_request((PyObject *)layer, (PyObject *)cancel, flow, Py_None, false) : NULL;
    Py_XDECREF(flow);
    Py_XDECREF(cancel);
    return sip_py_done(client);
}

PyObject *sip_client_remember_cancel(ClientObject *self, PyObject *headers) {
    return sip_py_none(self->cancel_headers ? 0 : remember(self, headers));
}

PyObject *sip_client_send_remembered_cancel(ClientObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(!self->cancel_headers || self->base.wait.next ? 0 : begin_cancel(self));
}

PyObject *sip_client_send_cancel(ClientObject *self, PyObject *headers) {
    if (self->cancel_headers) Py_RETURN_NONE;
    return remember(self, headers) < 0 ? NULL : sip_client_send_remembered_cancel(self, NULL);
}

int sip_client_cancel(PyObject *transaction, PyObject *headers) {
    static struct sip_py_word cancel = {"cancel", NULL};
    if (!sip_py_is_a(transaction, &sip_client_type)) return sip_py_do(transaction, &cancel, headers, NULL);
    return sip_step((TransactionObject *)transaction, SIP_ON_CANCEL, headers);
}
