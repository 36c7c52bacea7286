/* What begins something is the Python class's to queue or to refuse. The rest belongs to what was let in, but for what belongs to one
 * that waits or was refused; it costs no call of Python's. */
#include "sip_admission.h"

#include "sip_refuse.h"

/* Whether it is the ACK for an answer of ours that has no transaction. */
static int ends_refusal(MessageObject *ack) {
    struct sip_py_view view;
    PyObject *key = sip_message_server_key(ack);
    if (!key || sip_py_view(key, &view) < 0) {
        Py_XDECREF(key);
        return -1;
    }
    bool ends = sip_ends_refusal(&ack->core, view.text);
    Py_XDECREF(view.holder);
    Py_DECREF(key);
    return ends;
}

static int queue(PyObject *admission, PyObject *request, PyObject *flow) {
    static struct sip_py_word takes = {"takes", NULL};
    return sip_py_truth(sip_py_call(admission, &takes, request, flow));
}

int sip_admission_takes(PyObject *admission, MessageObject *request, PyObject *flow) {
    static struct sip_py_word cancel = {"cancel", NULL};
    if (sip_begins(&request->core)) return queue(admission, (PyObject *)request, flow);
    if (sip_py_is_method(request->method, SIP_CANCEL)) return sip_py_do(admission, &cancel, (PyObject *)request, NULL);
    return sip_py_is_method(request->method, SIP_ACK) ? ends_refusal(request) : 0;
}
