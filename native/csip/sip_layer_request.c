/* Requests of ours: their client transactions, and how they leave. */
#include "sip_flow.h"
#include "sip_py.h"
#include "sip_transaction.h"
#include "sip_transaction_type.h"

/* Whether the request is too long for a datagram and may take another way (RFC 3261 section 18.1.1). */
static bool is_too_long(LayerObject *self, PyObject *data, bool reliable, bool fixed_flow) {
    Py_ssize_t limit = self->delays.max_datagram_bytes;
    return limit > 0 && PyBytes_GET_SIZE(data) > limit && !reliable && !fixed_flow;
}

static int send_request(LayerObject *self, ClientObject *client, bool fixed_flow) {
    static struct sip_py_word prefer_stream = {"prefer_stream", NULL};
    int reliable = sip_flow_is_reliable(client->base.flow);
    PyObject *data = reliable < 0 ? NULL : sip_message_wire((MessageObject *)client->base.request, reliable);
    if (data && is_too_long(self, data, reliable, fixed_flow))
        Py_SETREF(data, sip_py_call((PyObject *)client, &prefer_stream, data, NULL));
    int result = data ? sip_client_send_first(client, data) : -1;
    Py_XDECREF(data);
    return result;
}

/* Known by its key, and by its connection if it has one. */
static int enter(LayerObject *self, ClientObject *client) {
    int reliable = sip_flow_is_reliable(client->base.flow);
    if (reliable < 0 || PyDict_SetItem(self->clients, client->base.key, (PyObject *)client) < 0) return -1;
    return reliable ? sip_layer_watch(self, client) : 0;
}

/* With an exception set. */
static void undo(LayerObject *self, ClientObject *client) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    sip_stop_timers(&client->base);
    if (sip_layer_forget(self->clients, client->base.key) < 0) PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

static PyObject *begin(
    LayerObject *self, MessageObject *message, PyObject *key, PyObject *flow, PyObject *owner, bool fixed_flow) {
    enum sip_machine machine = sip_py_is_method(message->method, SIP_INVITE) ? SIP_INVITE_CLIENT : SIP_NON_INVITE_CLIENT;
    ClientObject *client = (ClientObject *)sip_transaction_new(self, machine, key, (PyObject *)message, flow);
    if (!client) return NULL;
    client->base.owner = Py_NewRef(owner);
    if (send_request(self, client, fixed_flow) == 0 && enter(self, client) == 0) return (PyObject *)client;
    undo(self, client);
    Py_DECREF(client);
    return NULL;
}

static PyObject *request(LayerObject *self, MessageObject *message, PyObject *flow, PyObject *owner, bool fixed_flow) {
    static struct sip_py_word refuse_client = {"refuse_client", NULL};
    PyObject *key = sip_message_client_key(message), *client = NULL;
    int known = key ? PyDict_Contains(self->clients, key) : -1;
    if (known > 0 || (known == 0 && sip_py_is_method(message->method, SIP_ACK)))
        client = sip_py_call((PyObject *)self, &refuse_client, (PyObject *)message, NULL);
    else if (known == 0)
        client = begin(self, message, key, flow, owner, fixed_flow);
    Py_XDECREF(key);
    return client;
}

PyObject *sip_layer_request(PyObject *layer, PyObject *message, PyObject *flow, PyObject *owner, bool fixed_flow) {
    static struct sip_py_word word = {"request", NULL};
    if (sip_py_is_a(layer, &sip_layer_type))
        return request((LayerObject *)layer, (MessageObject *)message, flow, owner, fixed_flow);
    PyObject *method = sip_py_get(layer, &word), *names = method ? Py_BuildValue("(s)", "fixed_flow") : NULL, *client = NULL;
    PyObject *args[] = {message, flow, owner, fixed_flow ? Py_True : Py_False};
    if (names) client = PyObject_Vectorcall(method, args, 3, names);
    Py_XDECREF(names);
    Py_XDECREF(method);
    return client;
}

PyObject *sip_layer_request_method(LayerObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t keywords = names ? PyTuple_GET_SIZE(names) : 0;
    bool named = keywords == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "fixed_flow") == 0;
    if (count != 3 || keywords != named || !Py_IS_TYPE(args[0], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "request(Message, flow, owner, *, fixed_flow=False)");
    int fixed_flow = named ? PyObject_IsTrue(args[3]) : 0;
    return fixed_flow < 0 ? NULL : request(self, (MessageObject *)args[0], args[1], args[2], fixed_flow);
}
