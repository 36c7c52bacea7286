/* Calls from trunks and to them, as long as nothing of theirs is changed on the way. */
#include "sip_application.h"
#include "sip_flow.h"
#include "sip_py.h"

static struct sip_py_word word_trunk = {"trunk", NULL};

/* Where a call of one of the trunks leads. */
static PyObject *hop_from(ApplicationObject *self, InboundObject *request) {
    PyObject *host = sip_flow_remote_host(request->flow), *hop = NULL;
    PyObject *uri = host ? sip_message_request_uri_text((MessageObject *)request->message, NULL) : NULL;
    PyObject *key = uri ? PyTuple_Pack(2, host, uri) : NULL;
    if (key) hop = PyDict_GetItemWithError(self->called_from, key);
    Py_XDECREF(key);
    Py_XDECREF(uri);
    Py_XDECREF(host);
    return hop;
}

PyObject *sip_application_called_from(ApplicationObject *self, InboundObject *request, PyObject *caller) {
    if (!PyDict_GET_SIZE(self->called_from)) return NULL;
    PyObject *trunk = sip_py_get(caller, &word_trunk), *hop = trunk && trunk != Py_None ? hop_from(self, request) : NULL;
    Py_XDECREF(trunk);
    return hop;
}

/* The number in a tel URI is written in the form of each trunk. */
static bool calls_by_sip(const struct sip_message *message) {
    struct sip_scratch scratch;
    struct sip_addr to;
    return sip_read_addr(message, SIP_TO, &scratch, &to).error == SIP_OK && to.uri.scheme_id == SIP_SCHEME_SIP;
}

/* Whether the trunk has room for a call that passes as it is; -1 with an exception. */
static int takes(TrunkObject *trunk) {
    int full = trunk->plain ? sip_trunk_is_full(trunk) : 1;
    return full < 0 ? -1 : !full;
}

/* RFC 3325 section 5: adds who of our users calls, if that was found out before: 1 or 0, -1 with an exception. */
static int assert_identity(ApplicationObject *self, MessageObject *message, PyObject *caller) {
    static struct sip_py_word word_aor = {"aor", NULL};
    SIP_STACK_BUFFER(value);
    PyObject *aor = sip_py_get(caller, &word_aor), *uri = aor ? PyDict_GetItemWithError(self->identities, aor) : NULL;
    Py_XDECREF(aor);
    if (!uri) return PyErr_Occurred() ? -1 : 0;
    sip_add(&value, SIP_TEXT("<"));
    int result = sip_proxy_add(&value, uri);
    sip_add(&value, SIP_TEXT(">"));
    if (result == 0) {
        struct sip_slice text = {value.at, value.size};
        enum sip_error error = value.failed ? SIP_NO_MEMORY : sip_append(&message->core, sip_known(SIP_P_ASSERTED_IDENTITY), text);
        result = sip_py_done(sip_message_edited(message, SIP_P_ASSERTED_IDENTITY, error));
    }
    sip_buffer_free(&value);
    return result < 0 ? -1 : 1;
}

/* Whether a call may leave by the trunk that the hop names; `by`: the one it comes from, or NULL. */
static int leaves(ApplicationObject *self, MessageObject *message, const TrunkObject *by, PyObject *caller, PyObject *hop) {
    PyObject *name = sip_py_get(hop, &word_trunk);
    TrunkObject *trunk = name ? sip_call_trunks_find((CallTrunksObject *)self->trunks, name) : NULL;
    Py_XDECREF(name);
    if (!trunk) return PyErr_Occurred() ? -1 : 0;
    int result = !by || by->transit ? takes(trunk) : 0;
    return result > 0 && !by && trunk->trusted ? assert_identity(self, message, caller) : result;
}

int sip_application_pass(ApplicationObject *self, MessageObject *message, PyObject *caller, PyObject *hop, bool by_trunk) {
    PyObject *trunk = sip_py_get(caller, &word_trunk);
    TrunkObject *by = trunk && sip_py_is_a(trunk, &sip_trunk_type) ? (TrunkObject *)trunk : NULL;
    int result = trunk ? 1 : -1;
    if ((by || by_trunk) && !calls_by_sip(&message->core)) result = 0;
    if (by && result > 0) result = takes(by);
    if (by_trunk && result > 0) result = leaves(self, message, by, caller, hop);
    Py_XDECREF(trunk);
    return result;
}

/* --- the targets of a trunk --- */

/* That of the ways which leads to the target; borrowed, NULL when none does or with an exception. */
static PyObject *way_to(PyObject *ways, const PyObject *target) {
    static struct sip_py_word word_label = {"label", NULL};
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(ways); i++) {
        PyObject *label = sip_py_get(PyTuple_GET_ITEM(ways, i), &word_label);
        if (!label) return NULL;
        Py_DECREF(label); /* the way keeps it */
        if (label == target) return PyTuple_GET_ITEM(ways, i);
    }
    return NULL;
}

/* Those of `order`, each in its place; steals it. */
static PyObject *ways_to(PyObject *ways, PyObject *order) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(order); i++) {
        PyObject *way = way_to(ways, PyList_GET_ITEM(order, i));
        if (way) {
            PyList_SetItem(order, i, Py_NewRef(way));
            continue;
        }
        Py_DECREF(order);
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    return order;
}

PyObject *sip_application_in_turn(ApplicationObject *self, PyObject *hop, PyObject *ways) {
    PyObject *name = sip_py_get(hop, &word_trunk);
    TrunkObject *trunk = name ? sip_call_trunks_find((CallTrunksObject *)self->trunks, name) : NULL;
    Py_XDECREF(name);
    if (!trunk) return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    PyObject *order = sip_trunk_in_turn(trunk, sip_clock_now(self->timers));
    return order ? ways_to(ways, order) : NULL;
}
