/* What a proxy does to a Message: each function is several edits in one call. */
#include "sip_forward.h"
#include "sip_message_type.h"

static int hop_numbers(PyObject *const *args, uint32_t *max_forwards, uint32_t *breadth) {
    long initial = PyLong_AsLong(args[0]), width = PyLong_AsLong(args[1]);
    if (PyErr_Occurred()) return -1;
    if (initial < 0 || initial > 255 || width < 0 || width > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "Max-Forwards or Max-Breadth out of range");
        return -1;
    }
    *max_forwards = (uint32_t)initial;
    *breadth = (uint32_t)width;
    return 0;
}

PyObject *sip_message_count_hop(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    uint32_t max_forwards, breadth;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "max_forwards and max_breadth expected");
    if (hop_numbers(args, &max_forwards, &breadth) < 0) return NULL;
    return sip_message_edited(self, SIP_MAX_FORWARDS, sip_count_hop(&self->core, max_forwards, breadth));
}

MessageObject *sip_message_leaving(MessageObject *self, PyObject *to, uint32_t max_forwards, uint32_t breadth) {
    struct sip_py_view uri;
    if (sip_request_uri_view(self, to, &uri) < 0) return NULL;
    MessageObject *copy = sip_message_twin(self);
    struct sip_fault fault = {SIP_NO_MEMORY, SIP_OTHER};
    if (copy) fault = sip_forward(&copy->core, &self->core, uri.text, max_forwards, breadth);
    Py_XDECREF(uri.holder);
    if (fault.error == SIP_OK && sip_message_changed(copy, copy->core.uri_edited ? SIP_REQUEST_URI : SIP_MAX_FORWARDS) == 0)
        return copy;
    if (fault.error != SIP_OK && !PyErr_Occurred()) Py_XDECREF(sip_message_edited(self, fault.header, fault.error));
    Py_XDECREF(copy);
    return NULL;
}

PyObject *sip_message_forwarded(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    uint32_t max_forwards, breadth;
    if (count != 3) return PyErr_Format(PyExc_TypeError, "uri, max_forwards and max_breadth expected");
    if (hop_numbers(args + 1, &max_forwards, &breadth) < 0) return NULL;
    return (PyObject *)sip_message_leaving(self, args[0], max_forwards, breadth);
}

PyObject *sip_message_route_param(MessageObject *self, PyObject *name) {
    struct sip_scratch scratch;
    struct sip_slice value;
    struct sip_py_view view;
    if (sip_py_view(name, &view) < 0) return NULL;
    struct sip_fault fault = sip_route_param(&self->core, view.text, &scratch, &value);
    Py_XDECREF(view.holder);
    return fault.error == SIP_OK ? sip_py_str_or_none(value) : sip_py_fault(fault, NULL);
}
