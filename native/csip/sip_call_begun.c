/* The record of a call, from its INVITE (sipmesh/signalling/call_record.py). */
#include "sip_buffer.h"
#include "sip_call_record.h"
#include "sip_flow.h"

#define MAX_TEXT_CHARS 512 /* of an address kept for show */
#define MAX_SOURCE_BYTES 80 /* of a numeric address with its port */

static struct sip_py_word word_aor = {"aor", NULL};

/* Steals. */
static PyObject *cut(PyObject *text) {
    if (!text || !PyUnicode_Check(text) || PyUnicode_GET_LENGTH(text) <= MAX_TEXT_CHARS) return text;
    PyObject *shown = PyUnicode_Substring(text, 0, MAX_TEXT_CHARS);
    Py_DECREF(text);
    return shown;
}

static PyObject *aor_of(PyObject *address, struct sip_py_word *uri) {
    PyObject *found = address ? sip_py_get(address, uri) : NULL, *aor = found ? sip_py_get(found, &word_aor) : NULL;
    Py_XDECREF(found);
    return aor;
}

/* An account's AOR, or what From says. */
static PyObject *caller_shown(PyObject *message, PyObject *caller) {
    static struct sip_py_word word_from = {"from_", NULL}, word_uri = {"uri", NULL};
    PyObject *aor = sip_py_get(caller, &word_aor);
    if (!aor || (PyUnicode_Check(aor) && PyUnicode_GET_LENGTH(aor))) return aor;
    Py_DECREF(aor);
    PyObject *from = sip_py_get(message, &word_from);
    aor = aor_of(from, &word_uri);
    Py_XDECREF(from);
    return aor;
}

/* host:port, with brackets around IPv6. */
static void add_place(struct sip_buffer *out, struct sip_slice host, uint32_t port) {
    bool six = host.size && memchr(host.at, ':', host.size);
    sip_add(out, six ? SIP_TEXT("[") : SIP_TEXT(""));
    sip_add(out, host);
    sip_add(out, six ? SIP_TEXT("]:") : SIP_TEXT(":"));
    sip_add_number(out, port);
}

static PyObject *source_of(PyObject *flow) {
    SIP_STACK_BUFFER(out);
    PyObject *remote = sip_flow_remote(flow), *source = NULL;
    struct sip_py_view host;
    bool pair = remote && PyTuple_Check(remote) && PyTuple_GET_SIZE(remote) == 2;
    long port = pair ? PyLong_AsLong(PyTuple_GET_ITEM(remote, 1)) : -1;
    if (remote && !pair) PyErr_SetString(PyExc_TypeError, "remote is (host, port)");
    if (!PyErr_Occurred() && sip_py_view(PyTuple_GET_ITEM(remote, 0), &host) == 0) {
        add_place(&out, host.text, (uint32_t)port);
        Py_XDECREF(host.holder);
        source = out.failed ? PyErr_NoMemory() : sip_py_str((struct sip_slice){out.at, out.size < MAX_SOURCE_BYTES ? out.size : MAX_SOURCE_BYTES - 1});
    }
    sip_buffer_free(&out);
    Py_XDECREF(remote);
    return source;
}

/* --- where it goes --- */

static bool says(PyObject *text) { return text && PyUnicode_Check(text) && PyUnicode_GET_LENGTH(text); }

/* Steals `text`; a new reference to it, or to what `next` says instead when there is none. */
static PyObject *text_or(PyObject *text, PyObject *hop, PyObject *(*next)(PyObject *hop, PyObject *called), PyObject *called) {
    if (!text || says(text)) return text;
    Py_DECREF(text);
    return next(hop, called);
}

static PyObject *first_uri(PyObject *hop) {
    static struct sip_py_word word_uris = {"uris", NULL};
    PyObject *uris = sip_py_get(hop, &word_uris), *first = uris ? PySequence_GetItem(uris, 0) : NULL;
    Py_XDECREF(uris);
    return first;
}

/* A policy that names URIs is not asked what was dialled. */
static PyObject *dialled(PyObject *hop, PyObject *called) {
    static struct sip_py_word word_route = {"route", NULL};
    PyObject *route = sip_py_get(hop, &word_route);
    if (!route) return NULL;
    bool by_policy = PyUnicode_Check(route) && PyUnicode_CompareWithASCIIString(route, "policy") == 0;
    Py_DECREF(route);
    return by_policy ? first_uri(hop) : Py_NewRef(called);
}

static PyObject *number_of(PyObject *hop, PyObject *called) {
    static struct sip_py_word word_number = {"number", NULL};
    return text_or(sip_py_get(hop, &word_number), hop, dialled, called);
}

static int put_way(CallRecordObject *record, PyObject *hop, PyObject *called) {
    static struct sip_py_word word_trunk = {"trunk", NULL}, word_route = {"route", NULL};
    if (sip_py_put(&record->destination, cut(text_or(sip_py_get(hop, &word_aor), hop, number_of, called))) < 0) return -1;
    if (sip_py_put(&record->trunk_out, sip_py_get(hop, &word_trunk)) < 0) return -1;
    return sip_py_put(&record->route, sip_py_get(hop, &word_route));
}

/* --- the whole --- */

static int put_trunk_in(CallRecordObject *record, PyObject *caller) {
    static struct sip_py_word word_trunk = {"trunk", NULL}, word_name = {"name", NULL};
    PyObject *trunk = sip_py_get(caller, &word_trunk);
    int result = !trunk ? -1 : trunk == Py_None ? 0 : sip_py_put(&record->trunk_in, sip_py_get(trunk, &word_name));
    Py_XDECREF(trunk);
    return result;
}

static int put_cseq(CallLegObject *leg, MessageObject *message) {
    struct sip_scratch scratch;
    struct sip_slice method;
    uint32_t cseq = 0;
    struct sip_fault fault = sip_read_cseq(&message->core, &scratch, &cseq, &method);
    leg->cseq = cseq;
    if (fault.error != SIP_OK) sip_py_fault(fault, NULL);
    return fault.error == SIP_OK ? 0 : -1;
}

/* The caller's leg, and of the callee's the CSeq number. */
static int put_legs(CallRecordObject *record, PyObject *request, MessageObject *message, PyObject *flow) {
    CallLegObject *caller = sip_caller_of(request, message, flow), *callee = caller ? sip_call_leg_new() : NULL;
    PyObject *legs = callee && put_cseq(callee, message) == 0 ? PyList_New(2) : NULL;
    if (legs) {
        Py_SETREF(record->from_tag, Py_NewRef(caller->tag));
        PyList_SET_ITEM(legs, SIP_CALLER, Py_NewRef(caller));
        PyList_SET_ITEM(legs, SIP_CALLEE, Py_NewRef(callee));
    }
    Py_XDECREF(callee);
    Py_XDECREF(caller);
    return sip_py_put(&record->legs, legs);
}

static int put_parties(CallRecordObject *record, PyObject *message, PyObject *flow, PyObject *caller) {
    static struct sip_py_word word_call_id = {"call_id", NULL};
    if (sip_py_put(&record->call_id, sip_py_get(message, &word_call_id)) < 0) return -1;
    if (sip_py_put(&record->caller, cut(caller_shown(message, caller))) < 0) return -1;
    if (sip_py_put(&record->source, source_of(flow)) < 0) return -1;
    return put_trunk_in(record, caller);
}

static int put_called(CallRecordObject *record, PyObject *message, PyObject *hop) {
    static struct sip_py_word word_request_uri = {"request_uri", NULL};
    PyObject *called = aor_of(message, &word_request_uri);
    int result = called ? sip_py_put(&record->callee, cut(Py_NewRef(called))) : -1;
    if (result == 0 && hop) result = put_way(record, hop, called);
    Py_XDECREF(called);
    return result;
}

static int fill(CallRecordObject *record, PyObject *request, PyObject *message, PyObject *flow, const struct sip_call_plan *plan) {
    if (!Py_IS_TYPE(message, &sip_message_type)) {
        PyErr_SetString(PyExc_TypeError, "a request without message");
        return -1;
    }
    if (put_parties(record, message, flow, plan->caller) < 0 || put_called(record, message, plan->hop) < 0) return -1;
    record->started_at = plan->started_at;
    if (!plan->hop) return 0;
    if (plan->is_relayed) Py_SETREF(record->ng_call_id, Py_NewRef(record->call_id));
    if (plan->srtp) Py_SETREF(record->srtp, Py_NewRef(plan->srtp));
    if (plan->names) Py_SETREF(record->names, Py_NewRef(plan->names));
    return put_legs(record, request, (MessageObject *)message, flow);
}

CallRecordObject *sip_call_begun_by(PyObject *request, const struct sip_call_plan *plan) {
    static struct sip_py_word word_message = {"message", NULL}, word_flow = {"flow", NULL};
    PyObject *message = sip_py_get(request, &word_message), *flow = message ? sip_py_get(request, &word_flow) : NULL;
    CallRecordObject *record = flow ? sip_call_record_new() : NULL;
    if (record && fill(record, request, message, flow, plan) < 0) Py_CLEAR(record);
    Py_XDECREF(flow);
    Py_XDECREF(message);
    return record;
}

PyObject *sip_begun_by_py(PyObject *unused, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"request", "caller", "hop", "started_at", "relayed", "srtp", "names", NULL};
    struct sip_call_plan plan = {0};
    PyObject *request;
    int is_relayed = 0;
    (void)unused;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOd|$pOO:begun_by", keywords, &request, &plan.caller, &plan.hop, &plan.started_at,
                                     &is_relayed, &plan.srtp, &plan.names))
        return NULL;
    if (plan.hop == Py_None) plan.hop = NULL;
    plan.is_relayed = is_relayed;
    return (PyObject *)sip_call_begun_by(request, &plan);
}
