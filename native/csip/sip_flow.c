/* Flows of every kind. */
#include "sip_flow.h"

int sip_flow_send(PyObject *flow, PyObject *data) {
    static struct sip_py_word send = {"send", NULL};
    PyObject *result = sip_py_call(flow, &send, data, NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int sip_flow_is_reliable(PyObject *flow) {
    static struct sip_py_word reliable = {"reliable", NULL};
    return sip_py_is(flow, &reliable);
}

int sip_flow_is_closed(PyObject *flow) {
    static struct sip_py_word closed = {"closed", NULL};
    return sip_py_is(flow, &closed);
}
