/* Edits of a Message: arguments in, the core's edit, what was cached out. */
#include "sip_chars.h"
#include "sip_message_type.h"

/* None, or the exception for an edit's outcome. */
PyObject *sip_message_edited(MessageObject *self, enum sip_name id, enum sip_error error) {
    if (error == SIP_LINE_TOO_LONG) return PyErr_Format(PyExc_ValueError, "header line too long");
    if (error != SIP_OK) return sip_py_fault((struct sip_fault){error, id}, NULL);
    if (sip_message_changed(self, id) < 0) return NULL;
    Py_RETURN_NONE;
}

typedef enum sip_error (*line_edit)(struct sip_message *message, struct sip_wanted name, struct sip_slice value);

static PyObject *edit_known(MessageObject *self, enum sip_name id, line_edit edit, PyObject *value) {
    struct sip_py_view view;
    if (sip_py_line_view(value, "header value", &view) < 0) return NULL;
    enum sip_error error = edit(&self->core, sip_known(id), view.text);
    Py_XDECREF(view.holder);
    return sip_message_edited(self, id, error);
}

static PyObject *edit_named(MessageObject *self, line_edit edit, PyObject *const *args, Py_ssize_t count) {
    struct sip_py_view name, value;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "name and value expected");
    if (sip_py_token_view(args[0], "header name", &name) < 0) return NULL;
    if (sip_py_line_view(args[1], "header value", &value) < 0) {
        Py_XDECREF(name.holder);
        return NULL;
    }
    struct sip_wanted wanted = sip_want(name.text);
    enum sip_error error = edit(&self->core, wanted, value.text);
    PyObject *result = sip_message_edited(self, wanted.id, error);
    Py_XDECREF(name.holder);
    Py_XDECREF(value.holder);
    return result;
}

PyObject *sip_message_push_via(MessageObject *self, PyObject *value) { return edit_known(self, SIP_VIA, sip_push, value); }

PyObject *sip_message_push_route(MessageObject *self, PyObject *value) { return edit_known(self, SIP_ROUTE, sip_push, value); }

PyObject *sip_message_append_route(MessageObject *self, PyObject *value) {
    bool any = sip_line_find(&self->core, (struct sip_wanted){.id = SIP_ROUTE}, 0) < self->core.line_count;
    return edit_known(self, SIP_ROUTE, any ? sip_append : sip_push, value);
}

PyObject *sip_message_push_record_route(MessageObject *self, PyObject *value) {
    return edit_known(self, SIP_RECORD_ROUTE, sip_push, value);
}

PyObject *sip_message_pop_via(MessageObject *self, PyObject *unused) {
    struct sip_scratch scratch;
    struct sip_slice next;
    (void)unused;
    PyObject *done = sip_message_edited(self, SIP_VIA, sip_pop_first(&self->core, SIP_VIA));
    if (!done) return NULL;
    Py_DECREF(done);
    return PyBool_FromLong(sip_read_first(&self->core, SIP_VIA, &scratch, &next) == SIP_OK);
}

PyObject *sip_message_pop_route(MessageObject *self, PyObject *unused) {
    (void)unused;
    return sip_message_edited(self, SIP_ROUTE, sip_pop_first(&self->core, SIP_ROUTE));
}

PyObject *sip_message_pop_last_route(MessageObject *self, PyObject *unused) {
    (void)unused;
    return sip_message_edited(self, SIP_ROUTE, sip_pop_last(&self->core, SIP_ROUTE));
}

PyObject *sip_message_stamp_source(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    struct sip_py_view host;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "host and port expected");
    long port = PyLong_AsLong(args[1]);
    if (port == -1 && PyErr_Occurred()) return NULL;
    if (port < 0 || port > 65535) return PyErr_Format(PyExc_ValueError, "port out of range");
    if (sip_py_line_view(args[0], "host", &host) < 0) return NULL;
    struct sip_fault fault = sip_stamp_source(&self->core, host.text, (uint16_t)port);
    Py_XDECREF(host.holder);
    return sip_message_edited(self, SIP_VIA, fault.error);
}

PyObject *sip_message_push(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    return edit_named(self, sip_push, args, count);
}

PyObject *sip_message_append(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    return edit_named(self, sip_append, args, count);
}

PyObject *sip_message_set(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    return edit_named(self, sip_set, args, count);
}

PyObject *sip_message_remove(MessageObject *self, PyObject *name) {
    struct sip_py_view view;
    if (sip_py_view(name, &view) < 0) return NULL;
    struct sip_wanted wanted = sip_want(view.text);
    sip_remove(&self->core, wanted);
    Py_XDECREF(view.holder);
    return sip_message_edited(self, wanted.id, SIP_OK);
}

/* What may stand as the Request-URI of a request. */
int sip_request_uri_view(MessageObject *self, PyObject *uri, struct sip_py_view *view) {
    if (self->core.status) {
        PyErr_SetString(PyExc_AttributeError, "a response has no Request-URI");
        return -1;
    }
    if (sip_py_line_view(uri, "Request-URI", view) < 0) return -1;
    struct sip_slice text = view->text;
    if (text.size && !memchr(text.at, ' ', text.size) && !memchr(text.at, '\t', text.size)) return 0;
    sip_py_fault((struct sip_fault){SIP_BAD_CHARACTER, SIP_REQUEST_URI}, NULL);
    Py_CLEAR(view->holder);
    return -1;
}

PyObject *sip_message_set_request_uri(MessageObject *self, PyObject *uri) {
    struct sip_py_view view;
    if (sip_request_uri_view(self, uri, &view) < 0) return NULL;
    enum sip_error error = sip_set_uri(&self->core, view.text);
    Py_XDECREF(view.holder);
    return sip_message_edited(self, SIP_REQUEST_URI, error);
}

int sip_message_replace_body(MessageObject *self, PyObject *body) {
    if (PyBytes_GET_SIZE(body) > (Py_ssize_t)SIP_MAX_MESSAGE_BYTES) {
        PyErr_SetString(PyExc_ValueError, "body too large");
        return -1;
    }
    enum sip_error error = sip_set_number(&self->core, SIP_CONTENT_LENGTH, (uint32_t)PyBytes_GET_SIZE(body));
    if (error == SIP_OK) {
        sip_set_body(&self->core, PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body));
        Py_XSETREF(self->body, Py_NewRef(body));
        self->core.trailing = 0;
        Py_CLEAR(self->cache[CACHE_BODY]);
    }
    return sip_py_done(sip_message_edited(self, SIP_CONTENT_LENGTH, error));
}

PyObject *sip_message_set_body(MessageObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"body", "content_type", NULL};
    PyObject *body, *content_type = Py_None;
    struct sip_py_view type = {{NULL, 0}, NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "S|O:set_body", keywords, &body, &content_type)) return NULL;
    if (content_type != Py_None && sip_py_line_view(content_type, "Content-Type", &type) < 0) return NULL;
    enum sip_error error = type.text.at ? sip_set(&self->core, sip_known(SIP_CONTENT_TYPE), type.text) : SIP_OK;
    Py_XDECREF(type.holder);
    PyObject *typed = sip_message_edited(self, SIP_CONTENT_TYPE, error);
    if (typed && sip_message_replace_body(self, body) < 0) Py_CLEAR(typed);
    return typed;
}
