/* ACK and BYE that come without our Route, because their sender ignores Record-Route: they are of the call whose record they agree with
 * (sipmesh/signalling/dialogs.py, which looks at all that is less plain). */
#include "sip_application.h"
#include "sip_cookie.h"
#include "sip_flow.h"
#include "sip_py.h"

enum { NO_SIDE = -1 };

/* --- whose it is --- */

/* The only call with that Call-ID; borrowed, NULL when there is none or more than one, or with an exception. */
static PyObject *key_of(CallsObject *calls, MessageObject *message) {
    PyObject *call_id = sip_message_call_id(message, NULL), *keys = call_id ? PyDict_GetItemWithError(calls->keys, call_id) : NULL;
    Py_XDECREF(call_id);
    return keys && PyTuple_GET_SIZE(keys) == 1 ? PyTuple_GET_ITEM(keys, 0) : NULL;
}

/* Whether the str is that text and says something: 1 or 0, -1 with an exception. */
static int is_tag(PyObject *str, struct sip_slice text) {
    struct sip_py_view view;
    if (sip_py_view(str, &view) < 0) return -1;
    bool same = text.at && text.size && sip_same(view.text, text);
    Py_XDECREF(view.holder);
    return same;
}

/* Who sends it, by its tags. */
static int sender_of(const CallRecordObject *record, const struct sip_message *message) {
    struct sip_scratch scratches[2];
    struct sip_slice from, to;
    if (sip_read_tag(message, SIP_FROM, &scratches[0], &from).error != SIP_OK) return NO_SIDE;
    if (sip_read_tag(message, SIP_TO, &scratches[1], &to).error != SIP_OK) return NO_SIDE;
    if (is_tag(record->from_tag, from) > 0 && is_tag(record->to_tag, to) > 0) return SIP_CALLER;
    if (PyErr_Occurred()) return NO_SIDE;
    return is_tag(record->to_tag, from) > 0 && is_tag(record->from_tag, to) > 0 ? SIP_CALLEE : NO_SIDE;
}

/* Whether that side of a call sends over the flow: 1 or 0, -1 with an exception. */
static int sends_over(const CallLegObject *leg, PyObject *flow) {
    PyObject *remote = sip_flow_remote(flow), *host;
    int port, same = -1;
    if (remote && PyArg_ParseTuple(remote, "Ui", &host, &port)) same = port == leg->remote_port && sip_same_str(host, leg->remote_host);
    Py_XDECREF(remote);
    return same;
}

/* --- where it goes --- */

/* Whether a side is where its Contact says, and nothing of that has to go before it becomes a Request-URI. -1 with an exception. */
static int is_plain(const CallLegObject *leg) {
    struct sip_py_view uri;
    if (leg->natted || !PyTuple_Check(leg->route_set) || PyTuple_GET_SIZE(leg->route_set)) return 0;
    if (sip_py_view(leg->remote_target, &uri) < 0) return -1;
    bool plain = uri.text.size && !memchr(uri.text.at, '?', uri.text.size) && !memmem(uri.text.at, uri.text.size, ";m", 2) &&
                 !memmem(uri.text.at, uri.text.size, ";M", 2);
    Py_XDECREF(uri.holder);
    return plain;
}

/* As if it had brought our cookie; NULL with an exception. */
static PyObject *lead(CallsObject *calls, PyObject *cookie_keys, PyObject *key, MessageObject *message, enum sip_side sender, PyObject *uri) {
    static struct sip_py_word known = {"sip_dialog_requests_without_route_total|known=yes", NULL};
    if (sip_py_count_word(calls->counters, &known) < 0 || sip_py_done(sip_message_set_request_uri(message, uri)) < 0) return NULL;
    sip_remove(&message->core, sip_known(SIP_ROUTE));
    if (sip_message_changed(message, SIP_ROUTE) < 0) return NULL;
    return sip_cookie_issue(cookie_keys, message, key, sender == SIP_CALLER ? SIP_FROM : SIP_TO, &(struct sip_cookie_flows){0});
}

static PyObject *find(CallsObject *calls, PyObject *cookie_keys, MessageObject *message, PyObject *flow) {
    PyObject *key = key_of(calls, message);
    CallRecordObject *record = key ? sip_calls_find(calls, key) : NULL;
    int sender = record ? sender_of(record, &message->core) : NO_SIDE;
    if (sender == NO_SIDE) return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    CallLegObject *own = sip_call_leg_of(record, sender), *other = own ? sip_call_leg_of(record, !sender) : NULL;
    int plain = !other ? -1 : own->natted ? 0 : is_plain(other);
    if (plain > 0) plain = sends_over(own, flow);
    if (plain <= 0) return sip_py_none(plain);
    return lead(calls, cookie_keys, key, message, sender, other->remote_target);
}

PyObject *sip_application_find_unrouted(PyObject *application, PyObject *cookie_keys, MessageObject *message, PyObject *flow) {
    bool plain = sip_py_is_method(message->method, SIP_ACK) || sip_py_is_method(message->method, SIP_BYE);
    if (!plain || !sip_py_is_a(application, &sip_application_type)) Py_RETURN_NONE;
    PyObject *calls = sip_calls_of(((ApplicationObject *)application)->services);
    PyObject *cookie = calls ? find((CallsObject *)calls, cookie_keys, message, flow) : NULL;
    Py_XDECREF(calls);
    return cookie;
}
