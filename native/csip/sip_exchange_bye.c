/* The base of ByeExchange: a BYE within a call, which it ends (RFC 3261 section 15.1.1). */
#include "sip_exchange.h"
#include "sip_proxy_fields.h"
#include "sip_py.h"

static CallsObject *calls_of(ByeExchangeObject *self) { return (CallsObject *)self->calls; }

static int begin(ByeExchangeObject *self, MessageObject *request) {
    static struct sip_py_word word_glue = {"glue", NULL};
    if (sip_calls_hangs_up(calls_of(self), self->key, self->from_tag, self->to_tag) < 0) return -1;
    PyObject *glue = sip_py_get(self->services, &word_glue);
    int result = !glue ? -1 : glue == Py_None ? 0 : sip_py_put(&self->media_of, sip_message_call_id(request, NULL));
    Py_XDECREF(glue);
    return result;
}

ByeExchangeObject *sip_bye_exchange_new(PyTypeObject *class, PyObject *services, PyObject *key, MessageObject *request) {
    static struct sip_py_word from_tag = {"from_tag", NULL}, to_tag = {"to_tag", NULL};
    PyObject *message = (PyObject *)request;
    ByeExchangeObject *self = SIP_NEW(ByeExchangeObject, class, services);
    if (!self) return NULL;
    put(&self->services, services);
    put(&self->key, key);
    if (sip_py_put(&self->calls, sip_calls_of(services)) < 0 || sip_py_put(&self->from_tag, sip_py_get(message, &from_tag)) < 0 ||
        sip_py_put(&self->to_tag, sip_py_get(message, &to_tag)) < 0 || begin(self, request) < 0)
        Py_CLEAR(self);
    return self;
}

static PyObject *bye_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"services", "key", "request", NULL};
    PyObject *services, *key, *request;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OUO!:ByeExchange", keywords, &services, &key, &sip_message_type, &request)) return NULL;
    return (PyObject *)sip_bye_exchange_new(class, services, key, (MessageObject *)request);
}

static void bye_dealloc(ByeExchangeObject *self) {
    sip_proxy_free((PyObject *)self, offsetof(ByeExchangeObject, services), SIP_OBJECTS(ByeExchangeObject, services));
}

static int end(ByeExchangeObject *self, long status) {
    static struct sip_py_word goes_on = {"goes_on", NULL}, end_media = {"end_media", NULL};
    if (status == 401 || status == 407) return sip_py_do(self->calls, &goes_on, self->key, NULL);
    if (self->media_of != Py_None) return sip_py_do((PyObject *)self, &end_media, NULL, NULL);
    return sip_calls_hung_up(calls_of(self), self->key, self->from_tag, self->to_tag);
}

static PyObject *bye_ended(ByeExchangeObject *self, PyObject *const *args, Py_ssize_t count) {
    long status = count == 2 ? PyLong_AsLong(args[1]) : -1;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "context and status expected");
    return status == -1 && PyErr_Occurred() ? NULL : sip_py_none(end(self, status));
}

static PyMethodDef bye_methods[] = {
    SIP_PY_UNWALKED,
    {"ended", FUNCTION(bye_ended), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef bye_members[] = {
    HIDDEN(ByeExchangeObject, T_OBJECT_EX, services),
    HIDDEN(ByeExchangeObject, T_OBJECT_EX, key),
    HIDDEN(ByeExchangeObject, T_OBJECT_EX, from_tag),
    HIDDEN(ByeExchangeObject, T_OBJECT_EX, to_tag),
    HIDDEN(ByeExchangeObject, T_OBJECT_EX, media_of),
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_bye_exchange_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.ByeExchangeBase",
    .tp_basicsize = sizeof(ByeExchangeObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = bye_new,
    .tp_dealloc = (destructor)bye_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = bye_methods,
    .tp_members = bye_members,
};
