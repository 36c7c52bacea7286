/* What belongs to a call: BYE, and ACK for its 2xx. */
#include "sip_application.h"
#include "sip_cookie.h"
#include "sip_proxy.h"
#include "sip_py.h"

/* The call of that cookie, if its messages pass as they are: 1 or 0, -1 with an exception. */
static int is_unedited(ApplicationObject *self, PyObject *cookie) {
    if (!Py_IS_TYPE(cookie, &sip_cookie_type) || self->trunks == Py_None) return 0;
    int edited = PySet_Contains(((CallTrunksObject *)self->trunks)->edited, ((CookieObject *)cookie)->call_key);
    return edited < 0 ? -1 : !edited;
}

static bool is_plain_bye(PyObject *request) {
    if (!sip_py_is_a(request, &sip_inbound_type) || !((InboundObject *)request)->message) return false;
    MessageObject *message = (MessageObject *)((InboundObject *)request)->message;
    return sip_py_is_method(message->method, SIP_BYE) && !sip_has_line(&message->core, SIP_P_ASSERTED_IDENTITY) &&
           !sip_has_line(&message->core, SIP_P_PREFERRED_IDENTITY);
}

PyObject *sip_application_on_dialog_request(ApplicationObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word within_dialog = {"within_dialog", NULL};
    if (count != 2) return PyErr_Format(PyExc_TypeError, "request and cookie expected");
    int plain = is_plain_bye(args[0]) ? is_unedited(self, args[1]) : 0;
    if (plain < 0) return NULL;
    if (!plain) return sip_py_call((PyObject *)self, &within_dialog, args[0], args[1]);
    PyTypeObject *class = sip_proxy_class(self->bye_class, &sip_bye_exchange_type);
    PyObject *key = ((CookieObject *)args[1])->call_key;
    MessageObject *message = (MessageObject *)((InboundObject *)args[0])->message;
    return class ? (PyObject *)sip_bye_exchange_new(class, self->services, key, message) : NULL;
}

/* Whether it may bring an answer that is to be relayed. */
static bool has_media(ApplicationObject *self, PyObject *ack) {
    bool is_bare = Py_IS_TYPE(ack, &sip_message_type) && !((MessageObject *)ack)->core.body_size;
    return !is_bare && self->glue != Py_None;
}

PyObject *sip_application_on_ack(ApplicationObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word acknowledge = {"acknowledge", NULL};
    if (count != 3) return PyErr_Format(PyExc_TypeError, "request, cookie and proceed expected");
    int plain = has_media(self, args[0]) ? 0 : is_unedited(self, args[1]);
    if (plain < 0) return NULL;
    if (plain) return sip_ack_proceed(args[2]);
    PyObject *with_self[] = {(PyObject *)self, args[0], args[1], args[2]};
    return sip_py_call_with(&acknowledge, with_self, 4);
}
