/* What comes in: the transaction of each message, and new ones of requests (RFC 3261 sections 17.1.3 and 17.2.3). */
#include "sip_flow.h"
#include "sip_py.h"
#include "sip_transaction.h"
#include "sip_transaction_type.h"

/* A borrowed reference; NULL with an exception or without. */
static TransactionObject *find(PyObject *transactions, PyObject *key, PyTypeObject *type) {
    PyObject *found = PyDict_GetItemWithError(transactions, key);
    if (!found || sip_py_is_a(found, type)) return (TransactionObject *)found;
    PyErr_Format(PyExc_TypeError, "%R among the transactions", found);
    return NULL;
}

/* --- servers --- */

static ServerObject *serve(LayerObject *self, PyObject *key, MessageObject *request, PyObject *flow) {
    enum sip_machine machine = sip_py_is_method(request->method, SIP_INVITE) ? SIP_INVITE_SERVER : SIP_NON_INVITE_SERVER;
    ServerObject *server = (ServerObject *)sip_transaction_new(self, machine, key, (PyObject *)request, flow);
    if (!server) return NULL;
    server->number = ++self->begun;
    server->reply_flow = sip_reply_flow(self->flows, (PyObject *)request, flow);
    if (server->reply_flow && PyDict_SetItem(self->servers, key, (PyObject *)server) == 0) return server;
    Py_DECREF(server);
    return NULL;
}

/* The user has seen the request: if it didn't answer at once, a 100 is seen to. */
static int await_user(ServerObject *server) {
    const struct sip_delays *delays = &server->base.layer->delays;
    if (server->base.state == SIP_TRYING) {
        sip_wait(&server->base, SIP_ON_TIMER_TRYING, delays->non_invite_trying_s);
    } else if (server->base.state == SIP_PROCEEDING && !server->base.last) {
        if (delays->immediate_trying) return sip_step(&server->base, SIP_ON_TIMER_TRYING, Py_None);
        sip_wait(&server->base, SIP_ON_TIMER_TRYING, delays->trying_s);
    }
    return 0;
}

/* The INVITE that a CANCEL names (RFC 3261 section 9.2): its key is that of the CANCEL, whose method is at its end. Borrowed, or None. */
static PyObject *cancelled_by(LayerObject *self, PyObject *key) {
    Py_ssize_t size = PyUnicode_GET_LENGTH(key) - (Py_ssize_t)strlen("CANCEL");
    PyObject *start = PyUnicode_Substring(key, 0, size), *invite_key = start ? PyUnicode_FromFormat("%UINVITE", start) : NULL;
    PyObject *invite = invite_key ? (PyObject *)find(self->servers, invite_key, &sip_server_type) : NULL;
    Py_XDECREF(invite_key);
    Py_XDECREF(start);
    return invite || PyErr_Occurred() ? invite : Py_None;
}

static int tell_cancel(LayerObject *self, ServerObject *cancel) {
    static struct sip_py_word on_cancel = {"on_cancel", NULL};
    PyObject *invite = Py_XNewRef(cancelled_by(self, cancel->base.key));
    int told = invite ? sip_py_do(self->user, &on_cancel, (PyObject *)cancel, invite) : -1;
    Py_XDECREF(invite);
    return told;
}

static int tell_user(LayerObject *self, ServerObject *server, MessageObject *request) {
    static struct sip_py_word on_request = {"on_request", NULL};
    bool cancel = sip_py_is_method(request->method, SIP_CANCEL);
    int told = cancel ? tell_cancel(self, server) : sip_py_do(self->user, &on_request, (PyObject *)server, NULL);
    return told < 0 ? -1 : await_user(server);
}

static int begin(LayerObject *self, PyObject *key, MessageObject *request, PyObject *flow) {
    static struct sip_py_word user_failed = {"user_failed", NULL};
    ServerObject *server = serve(self, key, request, flow);
    if (!server) return -1;
    int result = tell_user(self, server, request);
    if (result < 0 && PyErr_ExceptionMatches(PyExc_Exception))
        result = sip_py_done(sip_py_caught((PyObject *)self, &user_failed, (PyObject *)server));
    Py_DECREF(server);
    return result;
}

static int repeat(ServerObject *server, MessageObject *request, PyObject *flow) {
    int closed = sip_flow_is_closed(server->reply_flow);
    if (closed < 0) return -1;
    if (closed) { /* the client came back over another connection */
        Py_SETREF(server->base.flow, Py_NewRef(flow));
        Py_SETREF(server->reply_flow, Py_NewRef(flow));
    }
    enum sip_event event = sip_py_is_method(request->method, SIP_ACK) ? SIP_ON_ACK : SIP_ON_REQUEST;
    return sip_step(&server->base, event, (PyObject *)request);
}

static int receive_request(LayerObject *self, PyObject *key, MessageObject *request, PyObject *flow) {
    static struct sip_py_word on_ack = {"on_ack", NULL}, refuse_new = {"refuse_new", NULL};
    TransactionObject *server = find(self->servers, key, &sip_server_type);
    if (server) {
        Py_INCREF(server);
        int result = repeat((ServerObject *)server, request, flow);
        Py_DECREF(server);
        return result;
    }
    if (PyErr_Occurred()) return -1;
    if (sip_py_is_method(request->method, SIP_ACK)) return sip_py_do(self->user, &on_ack, (PyObject *)request, flow);
    if (PyDict_GET_SIZE(self->servers) >= self->delays.max_server_transactions)
        return sip_py_do((PyObject *)self, &refuse_new, (PyObject *)request, flow);
    return begin(self, key, request, flow);
}

/* --- clients --- */

static int receive_response(LayerObject *self, PyObject *key, MessageObject *response, PyObject *flow) {
    static struct sip_py_word on_stray_response = {"on_stray_response", NULL};
    TransactionObject *client = find(self->clients, key, &sip_client_type);
    if (client) return sip_step(client, sip_response_event(response->core.status), (PyObject *)response);
    if (PyErr_Occurred()) return -1;
    return sip_py_do(self->user, &on_stray_response, (PyObject *)response, flow);
}

/* --- both --- */

static int receive(LayerObject *self, MessageObject *message, PyObject *flow, bool response) {
    PyObject *key = response ? sip_message_client_key(message) : sip_message_server_key(message);
    if (!key) return -1;
    int result = response ? receive_response(self, key, message, flow) : receive_request(self, key, message, flow);
    Py_DECREF(key);
    return result;
}

int sip_layer_receive(PyObject *layer, PyObject *message, PyObject *flow) {
    static struct sip_py_word request = {"receive_request", NULL}, response = {"receive_response", NULL};
    bool is_response = ((MessageObject *)message)->core.status;
    if (sip_py_is_a(layer, &sip_layer_type))
        return receive((LayerObject *)layer, (MessageObject *)message, flow, is_response);
    return sip_py_do(layer, is_response ? &response : &request, message, flow);
}

static PyObject *received(LayerObject *self, PyObject *const *args, Py_ssize_t count, bool response) {
    if (count != 2 || !Py_IS_TYPE(args[0], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "a Message and a flow expected");
    return sip_py_none(receive(self, (MessageObject *)args[0], args[1], response));
}

PyObject *sip_layer_receive_request(LayerObject *self, PyObject *const *args, Py_ssize_t count) {
    return received(self, args, count, false);
}

PyObject *sip_layer_receive_response(LayerObject *self, PyObject *const *args, Py_ssize_t count) {
    return received(self, args, count, true);
}
