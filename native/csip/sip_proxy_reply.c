/* Answers of our own to a request received (RFC 3261 section 8.2.6). */
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_transaction.h"

static PyObject *tags_of(InboundObject *self) {
    static struct sip_py_word tags = {"tags", NULL};
    if (self->message) return sip_py_get(self->core, &tags);
    PyErr_SetString(PyExc_AttributeError, "message");
    return NULL;
}

typedef int (*sip_sending)(PyObject *transaction, int status, PyObject *data);

/* Steals `data`, which may be NULL with an exception. */
static int send(InboundObject *self, int status, PyObject *data, sip_sending how) {
    int result = data ? how(self->transaction, status, data) : -1;
    Py_XDECREF(data);
    return result;
}

static int respond(InboundObject *self, PyObject *const fields[]) {
    PyObject *tags = tags_of(self);
    if (!tags) return -1;
    PyObject *args[] = {tags, fields[0], fields[1], fields[2], fields[3]};
    PyObject *data = sip_message_answer((MessageObject *)self->message, args, 5);
    Py_DECREF(tags);
    return send(self, data ? (int)PyLong_AsLong(fields[0]) : 0, data, sip_server_answer);
}

/* It was the final response. */
static void settle(InboundObject *self, int status) {
    self->status = status;
    sip_inbound_release(self);
}

static int answer(InboundObject *self, int status, struct sip_buffer *lines, sip_sending how) {
    if (self->cancelled) return 0;
    PyObject *tags = tags_of(self);
    if (!tags) return -1;
    PyObject *data = sip_message_answer_lines((MessageObject *)self->message, tags, status, lines);
    Py_DECREF(tags);
    if (send(self, status, data, how) < 0) return -1;
    settle(self, status);
    return 0;
}

int sip_inbound_answer(InboundObject *self, int status, struct sip_buffer *lines) {
    return answer(self, status, lines, sip_server_answer);
}

int sip_inbound_answer_once(InboundObject *self, int status, struct sip_buffer *lines) {
    return answer(self, status, lines, sip_server_answer_once);
}

/* Of status, reason, headers and body, which may be left out from behind; borrowed. */
static int read_fields(PyObject *args, PyObject *kwargs, const char *format, PyObject *fields[]) {
    static char *keywords[] = {"status", "reason", "headers", "body", NULL};
    static PyObject *no_headers, *no_body;
    if ((!no_headers && !(no_headers = PyTuple_New(0))) || (!no_body && !(no_body = PyBytes_FromStringAndSize(NULL, 0)))) return -1;
    fields[1] = Py_None;
    fields[2] = no_headers;
    fields[3] = no_body;
    return PyArg_ParseTupleAndKeywords(args, kwargs, format, keywords, &PyLong_Type, &fields[0], &fields[1], &fields[2], &fields[3]) ? 0 : -1;
}

PyObject *sip_inbound_respond(InboundObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *fields[4];
    if (read_fields(args, kwargs, "O!|OOO:respond", fields) < 0 || respond(self, fields) < 0) return NULL;
    Py_RETURN_NONE;
}

PyObject *sip_inbound_reply(InboundObject *self, PyObject *args, PyObject *kwargs) {
    static struct sip_py_word misanswered = {"misanswered", NULL};
    PyObject *fields[4];
    if (read_fields(args, kwargs, "O!|OOO:reply", fields) < 0) return NULL;
    if (self->cancelled) Py_RETURN_NONE;
    long status = PyLong_AsLong(fields[0]);
    if (status == -1 && PyErr_Occurred()) return NULL;
    if (status < 200 || self->status || self->context != Py_None) return sip_py_call((PyObject *)self, &misanswered, fields[0], NULL);
    if (respond(self, fields) < 0) return NULL;
    settle(self, (int)status);
    Py_RETURN_NONE;
}
