/* The caller's CANCEL (RFC 3261 sections 9.2 and 16.10). */
#include "sip_proxy.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"
#include "sip_transaction_type.h"
#include "sip_transaction.h"

/* As (name, value) pairs, what it says of why (RFC 3326 section 2); a quoted NUL can't be written anew. */
static PyObject *reasons_of(const struct sip_message *core) {
    struct sip_scratch scratch;
    struct sip_wanted wanted = {.id = SIP_REASON};
    PyObject *list = PyList_New(0);
    SIP_EACH_LINE(i, core, wanted) {
        struct sip_slice text = sip_line_text(core, &core->lines[i], &scratch);
        if (!list || memchr(text.at, 0, text.size)) continue;
        PyObject *pair = Py_BuildValue("(sN)", "Reason", sip_py_str(text));
        if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    PyObject *pairs = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return pairs;
}

/* 487 at once when nothing has left yet. */
static int end(InboundObject *self) {
    PyObject *status = PyLong_FromLong(487), *args = status ? PyTuple_Pack(1, status) : NULL;
    int result = args ? sip_py_done(sip_inbound_respond(self, args, NULL)) : -1;
    Py_XDECREF(args);
    Py_XDECREF(status);
    if (result == 0) self->status = 487;
    return result;
}

/* No effect once there is a final response. */
static int cancel(InboundObject *self, const MessageObject *message) {
    if (self->status || self->cancelled) return 0;
    self->cancelled = true;
    if (self->context == Py_None) return end(self);
    ContextObject *context = (ContextObject *)Py_NewRef(self->context);
    PyObject *reasons = reasons_of(&message->core);
    context->cancelled = true;
    int result = reasons ? sip_py_done(sip_context_stop(context, reasons)) : -1;
    Py_XDECREF(reasons);
    Py_DECREF(context);
    return result;
}

static int agree(CoreObject *self, TransactionObject *server, MessageObject *message) {
    static struct sip_py_word word_tags = {"tags", NULL};
    SIP_STACK_BUFFER(no_lines);
    PyObject *tags = sip_py_get((PyObject *)self, &word_tags), *data = tags ? sip_message_answer_lines(message, tags, 200, &no_lines) : NULL;
    int result = data ? sip_server_answer((PyObject *)server, 200, data) : -1;
    Py_XDECREF(data);
    Py_XDECREF(tags);
    sip_buffer_free(&no_lines);
    return result;
}

/* `invite`: a server transaction, or None. It has no owner once it has its final response (section 9.2). */
static int take(CoreObject *self, TransactionObject *server, PyObject *invite) {
    static struct sip_py_word cancel_unmatched = {"cancel_unmatched", NULL};
    if (!sip_py_is_a(invite, &sip_server_type)) return sip_py_do((PyObject *)self, &cancel_unmatched, (PyObject *)server, NULL);
    if (!server->request) {
        PyErr_SetString(PyExc_ValueError, "a CANCEL that is answered");
        return -1;
    }
    MessageObject *message = (MessageObject *)Py_NewRef(server->request);
    PyObject *owner = Py_XNewRef(((TransactionObject *)invite)->owner);
    int result = agree(self, server, message);
    if (result == 0 && owner && sip_py_is_a(owner, &sip_inbound_type)) result = cancel((InboundObject *)owner, message);
    Py_XDECREF(owner);
    Py_DECREF(message);
    return result;
}

PyObject *sip_core_on_cancel(CoreObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !sip_py_is_a(args[0], &sip_server_type)) return PyErr_Format(PyExc_TypeError, "a CANCEL and an INVITE expected");
    return sip_py_none(take(self, (TransactionObject *)args[0], args[1]));
}
