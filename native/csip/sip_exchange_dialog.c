/* The base of DialogExchange: INVITE, UPDATE or PRACK within a call. */
#include "sip_exchange.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

DialogExchangeObject *sip_dialog_exchange_new(PyTypeObject *class, PyObject *services, PyObject *cookie, MessageObject *request, PyObject *media) {
    PyObject *calls = sip_calls_of(services);
    DialogExchangeObject *self = calls ? SIP_NEW(DialogExchangeObject, class, calls) : NULL;
    if (self) {
        put(&self->calls, calls);
        put(&self->cookie, cookie);
        put(&self->message, (PyObject *)request);
        put(&self->media, media);
        self->looks_on = media == Py_None;
    }
    Py_XDECREF(calls);
    return self;
}

static PyObject *dialog_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"services", "cookie", "request", "media", NULL};
    PyObject *services, *cookie, *request, *media;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!O:DialogExchange", keywords, &services, &sip_cookie_type, &cookie, &sip_message_type,
                                     &request, &media))
        return NULL;
    return (PyObject *)sip_dialog_exchange_new(class, services, cookie, (MessageObject *)request, media);
}

static void dialog_dealloc(DialogExchangeObject *self) {
    sip_proxy_free((PyObject *)self, offsetof(DialogExchangeObject, calls), SIP_OBJECTS(DialogExchangeObject, calls));
}

/* --- what passes --- */

static PyObject *dialog_request_out(DialogExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word request_out = {"request_out", NULL};
    if (count != 3) return PyErr_Format(PyExc_TypeError, "branch, request and proceed expected");
    if (self->media == Py_None) Py_RETURN_NONE;
    return sip_py_call(self->media, &request_out, args[1], args[2]);
}

static int take(DialogExchangeObject *self, PyObject *branch, MessageObject *response, PyObject *proceed) {
    static struct sip_py_word identified = {"identified", NULL}, response_in = {"response_in", NULL};
    const struct sip_message *core = &response->core;
    bool identifies = sip_has_line(core, SIP_P_ASSERTED_IDENTITY) || sip_has_line(core, SIP_P_PREFERRED_IDENTITY);
    if (identifies && sip_py_do((PyObject *)self, &identified, (PyObject *)response, NULL) < 0) return -1;
    PyObject *key = ((CookieObject *)self->cookie)->call_key;
    if (core->status >= 200 && core->status < 300 &&
        sip_calls_answered_within((CallsObject *)self->calls, key, (MessageObject *)self->message, response) < 0)
        return -1;
    PyObject *args[] = {self->media, branch, (PyObject *)response, proceed};
    return self->media == Py_None ? 0 : sip_py_done(sip_py_call_with(&response_in, args, 4));
}

static PyObject *dialog_response_in(DialogExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 || !Py_IS_TYPE(args[1], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "branch, Message and proceed expected");
    return sip_py_none(take(self, args[0], (MessageObject *)args[1], args[2]));
}

static PyMethodDef dialog_methods[] = {
    SIP_PY_UNWALKED,
    {"request_out", FUNCTION(dialog_request_out), METH_FASTCALL, NULL},
    {"response_in", FUNCTION(dialog_response_in), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef dialog_members[] = {
    TRUTH(DialogExchangeObject, looks_on),
    HIDDEN(DialogExchangeObject, T_OBJECT_EX, calls),
    HIDDEN(DialogExchangeObject, T_OBJECT_EX, cookie),
    HIDDEN(DialogExchangeObject, T_OBJECT_EX, message),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_dialog_exchange_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.DialogExchangeBase",
    .tp_basicsize = sizeof(DialogExchangeObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = dialog_new,
    .tp_dealloc = (destructor)dialog_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = dialog_methods,
    .tp_members = dialog_members,
};
