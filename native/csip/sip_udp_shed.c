/* What a socket refuses by itself when there is too much to do, before anything is made of a datagram but its answer. */
#include "sip_refuse.h"
#include "sip_slot.h"
#include "sip_udp_type.h"

int sip_shed_by(struct sip_shed *shed, PyObject *rules) {
    unsigned long retry_after_s;
    *shed = (struct sip_shed){.workers = 1};
    if (!PyTuple_Check(rules)) return sip_py_done(PyErr_Format(PyExc_TypeError, "rules are a tuple"));
    if (!PyArg_ParseTuple(rules, "nkO!II:rules", &shed->room, &retry_after_s, &PyTuple_Type, &shed->held, &shed->workers, &shed->index))
        return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shed->held); i++)
        if (!PyDict_Check(PyTuple_GET_ITEM(shed->held, i))) return sip_py_done(PyErr_Format(PyExc_TypeError, "held is a tuple of dicts"));
    if (!retry_after_s || retry_after_s > UINT32_MAX) return sip_py_done(PyErr_Format(PyExc_ValueError, "retry_after_s out of range"));
    shed->retry_after_s = (uint32_t)retry_after_s;
    return 0;
}

/* 1 when one of the containers has the key, -1 with an exception. */
static int is_held(PyObject *held, struct sip_slice key) {
    PyObject *text = sip_py_str(key);
    int found = text ? 0 : -1;
    for (Py_ssize_t i = 0; found == 0 && i < PyTuple_GET_SIZE(held); i++)
        found = PyDict_Contains(PyTuple_GET_ITEM(held, i), text);
    Py_XDECREF(text);
    return found;
}

/* NULL without an exception when the request had better be looked at closely. */
static PyObject *answer(struct sip_message *request, PyObject *source, struct sip_slice key, uint32_t retry_after_s) {
    SIP_STACK_BUFFER(out);
    struct sip_py_view host;
    PyObject *bytes = NULL;
    uint16_t port = (uint16_t)PyLong_AsLong(PyTuple_GET_ITEM(source, 1));
    if (!sip_answers_to_source(request, port) || sip_py_view(PyTuple_GET_ITEM(source, 0), &host) < 0) return NULL;
    if (sip_add_refusal(&out, request, host.text, port, key, retry_after_s).error == SIP_OK)
        bytes = PyBytes_FromStringAndSize(out.at, (Py_ssize_t)out.size);
    Py_XDECREF(host.holder);
    sip_buffer_free(&out);
    return bytes;
}

/* Queues the answer: 1; 0 when the request is to be handled, -1 with an exception. */
static int refuse(UdpObject *self, const struct sip_datagram *datagram, struct sip_message *request, struct sip_slice key,
    uint32_t retry_after_s) {
    PyObject *source = sip_udp_cached_tuple(self, datagram->source);
    PyObject *bytes = source ? answer(request, source, key, retry_after_s) : NULL;
    int result = PyErr_Occurred() ? -1 : 0;
    if (bytes) {
        sip_udp_put(self, bytes, source, datagram->source, &datagram->near);
        result = 1;
    }
    Py_XDECREF(bytes);
    Py_XDECREF(source);
    return result;
}

static int judge(UdpObject *self, const struct sip_datagram *datagram, struct sip_shed *shed, struct sip_message *message,
    struct sip_slice key) {
    if (!sip_begins(message)) return sip_ends_refusal(message, key);
    if (sip_has_credentials(message)) return 0;
    int held = is_held(shed->held, key);
    if (held) return held < 0 ? -1 : 0;
    if (shed->room > 0) {
        shed->room--;
        return 0;
    }
    int result = refuse(self, datagram, message, key, shed->retry_after_s);
    if (result > 0) shed->refused++;
    return result;
}

static bool is_ours(const struct sip_datagram *datagram, const struct sip_shed *shed) {
    if (shed->workers < 2) return true;
    int64_t slot = sip_call_slot((struct sip_slice){datagram->data, datagram->size});
    return slot < 0 || slot % shed->workers == shed->index;
}

int sip_udp_shed(UdpObject *self, const struct sip_datagram *datagram, struct sip_shed *shed) {
    struct sip_message message;
    SIP_STACK_BUFFER(key);
    int result = 0;
    if (!sip_may_concern_refusal((struct sip_slice){datagram->data, datagram->size}) || !is_ours(datagram, shed)) return 0;
    if (sip_message_scan(&message, datagram->data, datagram->size).error != SIP_OK) return 0;
    struct sip_slice method = {message.raw + message.start_at, message.method_size};
    if (!message.status && sip_add_server_key(&key, &message, method).error == SIP_OK)
        result = judge(self, datagram, shed, &message, (struct sip_slice){key.at, key.size});
    sip_buffer_free(&key);
    sip_message_free(&message);
    return result;
}
