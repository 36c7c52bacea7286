/* The sides of a call, from the messages that make its dialog (sipmesh/signalling/legs.py). */
#include "sip_call_record.h"
#include "sip_udp_endpoint.h"

#define MAX_ROUTE_SET 16 /* Record-Route values kept of one side */

static struct sip_py_word word_natted = {"natted", NULL};

/* --- where it is --- */

static int put_number(long long *field, PyObject *number) {
    *field = number ? PyLong_AsLongLong(number) : -1;
    Py_XDECREF(number);
    return PyErr_Occurred() ? -1 : 0;
}

static int put_address(CallLegObject *leg, PyObject *remote) {
    if (!PyTuple_Check(remote) || PyTuple_GET_SIZE(remote) != 2) {
        PyErr_SetString(PyExc_TypeError, "an address is host and port");
        return -1;
    }
    Py_SETREF(leg->remote_host, Py_NewRef(PyTuple_GET_ITEM(remote, 0)));
    leg->remote_port = (int)PyLong_AsLong(PyTuple_GET_ITEM(remote, 1));
    return PyErr_Occurred() ? -1 : 0;
}

/* Of a UDP flow, whose connection is none. */
static bool is_native(PyObject *flow) { return sip_py_is_a(flow, &sip_udp_flow_type); }

static int put_flow(CallLegObject *leg, PyObject *flow) {
    static struct sip_py_word word_remote = {"remote", NULL}, word_connection_id = {"connection_id", NULL};
    long long listener = 0;
    if (put_number(&listener, sip_proxy_listener(flow)) < 0) return -1;
    leg->listener = (int)listener;
    if (is_native(flow)) return put_address(leg, ((UdpFlowObject *)flow)->remote);
    PyObject *remote = sip_py_get(flow, &word_remote);
    int result = remote ? put_address(leg, remote) : -1;
    Py_XDECREF(remote);
    return result < 0 ? -1 : put_number(&leg->connection_id, sip_py_get(flow, &word_connection_id));
}

/* --- what the message says --- */

static PyObject *record_routes(MessageObject *message) {
    PyObject *name = sip_py_name(SIP_RECORD_ROUTE), *routes = sip_message_values(message, name);
    Py_DECREF(name);
    return routes;
}

/* The first `count` of them, or what there is. */
static PyObject *first_routes(PyObject *routes, Py_ssize_t count) {
    PyObject *first = PyList_GetSlice(routes, 0, count < MAX_ROUTE_SET ? count : MAX_ROUTE_SET);
    PyObject *set = first ? PyList_AsTuple(first) : NULL;
    Py_XDECREF(first);
    return set;
}

/* --- the caller --- */

static int read_request(CallLegObject *leg, MessageObject *message) {
    if (sip_py_put(&leg->tag, sip_message_tag(message, SIP_FROM, SIP_TEXT(""))) < 0) return -1;
    if (sip_py_put(&leg->remote_target, sip_message_contact_uri_text(message, NULL)) < 0) return -1;
    if (!sip_has_line(&message->core, SIP_RECORD_ROUTE)) return 0;
    PyObject *routes = record_routes(message);
    int result = routes ? sip_py_put(&leg->route_set, first_routes(routes, PyList_GET_SIZE(routes))) : -1;
    Py_XDECREF(routes);
    return result;
}

CallLegObject *sip_caller_of(PyObject *request, MessageObject *message, PyObject *flow) {
    CallLegObject *leg = sip_call_leg_new();
    int natted = -1;
    if (leg && read_request(leg, message) == 0 && put_flow(leg, flow) == 0) {
        bool is_native = sip_py_is_a(request, &sip_inbound_type);
        natted = is_native ? sip_inbound_natted((InboundObject *)request) : sip_py_is(request, &word_natted);
    }
    if (natted < 0)
        Py_CLEAR(leg);
    else
        leg->natted = natted > 0;
    return leg;
}

/* --- the callee --- */

/* Of the Record-Route values of a response those of the proxies between us and the callee, nearest first. */
static PyObject *beyond_us(CallLegObject *caller, int listener, PyObject *routes) {
    Py_ssize_t ours = listener == caller->listener ? 1 : 2;
    Py_ssize_t before = PyTuple_Check(caller->route_set) ? PyTuple_GET_SIZE(caller->route_set) : 0;
    Py_ssize_t count = PyList_GET_SIZE(routes) - before - ours;
    PyObject *kept = count > 0 ? PyList_GetSlice(routes, 0, count < MAX_ROUTE_SET ? count : MAX_ROUTE_SET) : PyList_New(0);
    PyObject *set = kept && PyList_Reverse(kept) == 0 ? PyList_AsTuple(kept) : NULL;
    Py_XDECREF(kept);
    return set;
}

/* Whether we alone put it there: so it is when no other proxy records itself. */
static bool has_one_route(const struct sip_message *core) {
    struct sip_scratch scratch;
    struct sip_wanted wanted = {.id = SIP_RECORD_ROUTE};
    uint32_t first = sip_line_find(core, wanted, 0);
    if (first == core->line_count) return true;
    if (sip_line_find(core, wanted, first + 1) != core->line_count) return false;
    struct sip_slice text = sip_line_text(core, &core->lines[first], &scratch);
    return !memchr(text.at, ',', text.size);
}

static PyObject *routes_beyond_us(CallLegObject *leg, MessageObject *response, CallLegObject *caller) {
    if (has_one_route(&response->core)) return PyTuple_New(0);
    PyObject *routes = record_routes(response);
    PyObject *set = routes ? beyond_us(caller, leg->listener, routes) : NULL;
    Py_XDECREF(routes);
    return set;
}

/* All that can be read, or nothing: 0, -1 with an exception that is no ParseError. */
static int read_response(CallLegObject *leg, MessageObject *response, CallLegObject *caller) {
    PyObject *tag = sip_message_tag(response, SIP_TO, SIP_TEXT("")), *target = tag ? sip_message_contact_uri_text(response, NULL) : NULL;
    PyObject *routes = target ? routes_beyond_us(leg, response, caller) : NULL;
    if (routes) {
        Py_SETREF(leg->tag, Py_NewRef(tag));
        Py_SETREF(leg->remote_target, Py_NewRef(target));
        Py_SETREF(leg->route_set, Py_NewRef(routes));
    }
    bool is_read = routes;
    Py_XDECREF(tag);
    Py_XDECREF(target);
    Py_XDECREF(routes);
    if (is_read) return 0;
    if (!PyErr_ExceptionMatches(sip_parse_error)) return -1;
    PyErr_Clear();
    return 0;
}

static int put_branch(CallLegObject *leg, PyObject *branch) {
    static struct sip_py_word word_flow = {"flow", NULL}, word_target = {"target", NULL};
    PyObject *flow = sip_py_get(branch, &word_flow), *target = flow ? sip_py_get(branch, &word_target) : NULL;
    int natted = target && put_flow(leg, flow) == 0 ? sip_py_is(target, &word_natted) : -1;
    leg->natted = natted > 0;
    Py_XDECREF(flow);
    Py_XDECREF(target);
    return natted < 0 ? -1 : 0;
}

CallLegObject *sip_callee_of(CallRecordObject *record, PyObject *branch, MessageObject *response) {
    CallLegObject *caller = sip_call_leg_of(record, SIP_CALLER), *before = caller ? sip_call_leg_of(record, SIP_CALLEE) : NULL;
    CallLegObject *leg = before ? sip_call_leg_new() : NULL;
    if (!leg) return NULL;
    leg->cseq = before->cseq;
    if (put_branch(leg, branch) < 0 || read_response(leg, response, caller) < 0) Py_CLEAR(leg);
    return leg;
}

PyObject *sip_callee_of_py(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    (void)unused;
    if (count != 3 || !Py_IS_TYPE(args[0], &sip_call_record_type) || !Py_IS_TYPE(args[2], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "record, branch and response expected");
    return (PyObject *)sip_callee_of((CallRecordObject *)args[0], args[1], (MessageObject *)args[2]);
}
