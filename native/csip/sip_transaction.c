/* The transaction layer as other files of the binding see it. */
#include "sip_transaction.h"

#include "sip_message_type.h"

static int done(PyObject *result) {
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int sip_layer_receive(PyObject *layer, PyObject *message, PyObject *flow) {
    static struct sip_py_word receive_request = {"receive_request", NULL}, receive_response = {"receive_response", NULL};
    bool response = ((MessageObject *)message)->core.status;
    return done(sip_py_call(layer, response ? &receive_response : &receive_request, message, flow));
}

PyObject *sip_layer_request(PyObject *layer, PyObject *message, PyObject *flow, PyObject *owner, bool fixed_flow) {
    PyObject *method = PyObject_GetAttrString(layer, "request");
    PyObject *names = method ? Py_BuildValue("(s)", "fixed_flow") : NULL, *result = NULL;
    PyObject *args[] = {message, flow, owner, fixed_flow ? Py_True : Py_False};
    if (names) result = PyObject_Vectorcall(method, args, 3, names);
    Py_XDECREF(names);
    Py_XDECREF(method);
    return result;
}

int sip_server_answer(PyObject *transaction, int status, PyObject *data) {
    static struct sip_py_word answer = {"answer", NULL};
    PyObject *number = PyLong_FromLong(status), *result = number ? sip_py_call(transaction, &answer, number, data) : NULL;
    Py_XDECREF(number);
    return done(result);
}
