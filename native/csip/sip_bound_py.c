/* native.sip.bound_to: where the bindings of an AOR that are alive lead, when all are tried at once. */
#include "sip_binding.h"
#include "sip_bound.h"
#include "sip_flow.h"

static bool begins(struct sip_slice text, struct sip_slice with) {
    return text.size >= with.size && !memcmp(text.at, with.at, with.size);
}

/* Those of the record that count at `now`, in its order. */
struct bound {
    const struct sip_binding *bindings[SIP_RECORD_MAX];
    size_t count;
};

static bool leads_somewhere(const struct sip_binding *binding, double now) {
    if (binding->expires_at <= now) return false;
    return begins(binding->contact, SIP_TEXT("sip:")) || begins(binding->contact, SIP_TEXT("sips:"));
}

static void choose(const struct sip_record *record, double now, struct bound *bound) {
    bound->count = 0;
    for (size_t i = 0; i < record->count; i++)
        if (leads_somewhere(&record->bindings[i], now)) bound->bindings[bound->count++] = &record->bindings[i];
}

/* Of two flows of one user agent only one is a target (RFC 5626 section 7). */
static bool are_of_one(const struct sip_binding *a, const struct sip_binding *b) {
    return a->instance.size && a->reg_id && b->reg_id && sip_same(a->instance, b->instance);
}

/* All are targets, in parallel. */
static bool is_plain(const struct bound *bound) {
    for (size_t i = 0; i < bound->count; i++)
        for (size_t j = 0; j < i; j++)
            if (are_of_one(bound->bindings[i], bound->bindings[j])) return false;
    return bound->count && bound->count <= SIP_BOUND_MAX;
}

/* Requests go over its flow or not at all: it is behind a NAT, or the flow is its own (RFC 5626 section 5.3) and ends here. */
static bool is_by_flow(const struct sip_binding *binding) { return binding->natted || (binding->reg_id && !binding->path_count); }

/* The flow that leads there, None where the Contact does; NULL without an exception when nothing does. */
static PyObject *flow_of(const struct sip_binding *binding, PyObject *flows) {
    if (!is_by_flow(binding) && !binding->connection_id) return Py_NewRef(Py_None);
    struct sip_flow_name name = {binding->listener, binding->remote_host, binding->remote_port, binding->connection_id};
    PyObject *flow = sip_flow_named(flows, &name);
    int closed = !flow ? -1 : flow == Py_None ? 0 : sip_flow_is_closed(flow);
    if (closed < 0) Py_CLEAR(flow);
    if (closed > 0) Py_SETREF(flow, Py_NewRef(Py_None));
    if (flow == Py_None && is_by_flow(binding)) Py_CLEAR(flow);
    return flow;
}

static PyObject *routes_of(const struct sip_binding *binding) {
    PyObject *routes = PyTuple_New(binding->path_count);
    struct sip_slice rest = binding->path, value;
    for (Py_ssize_t i = 0; routes && i < (Py_ssize_t)binding->path_count && sip_binding_next_path(&rest, &value); i++) {
        PyObject *text = sip_py_str(value);
        if (text) PyTuple_SET_ITEM(routes, i, text);
        else Py_CLEAR(routes);
    }
    return routes;
}

static PyObject *target_of(const struct sip_binding *binding, PyObject *flow, PyObject *class) {
    static PyObject *names;
    if (!names && !(names = Py_BuildValue("(sss)", "routes", "flow", "natted"))) return NULL;
    PyObject *uri = sip_py_str(binding->contact), *routes = uri ? routes_of(binding) : NULL, *target = NULL;
    PyObject *args[] = {uri, routes, flow, binding->natted ? Py_True : Py_False};
    bool plain = flow == Py_None && !binding->path_count;
    if (routes) target = plain ? PyObject_CallOneArg(class, uri) : PyObject_Vectorcall(class, args, 1, names);
    Py_XDECREF(routes);
    Py_XDECREF(uri);
    return target;
}

/* The target of a binding, unless nothing leads there any more. */
static int add(PyObject *targets, const struct sip_binding *binding, PyObject *flows, PyObject *class) {
    PyObject *flow = flow_of(binding, flows), *target = flow ? target_of(binding, flow, class) : NULL;
    int result = target ? PyList_Append(targets, target) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(target);
    Py_XDECREF(flow);
    return result;
}

static PyObject *targets_of(const struct bound *bound, PyObject *flows, PyObject *class) {
    PyObject *targets = PyList_New(0);
    for (size_t i = 0; targets && i < bound->count; i++)
        if (add(targets, bound->bindings[i], flows, class) < 0) Py_CLEAR(targets);
    if (targets && !PyList_GET_SIZE(targets)) Py_SETREF(targets, Py_NewRef(Py_None));
    return targets;
}

PyObject *sip_bound_targets(PyObject *stored, double now, PyObject *flows, PyObject *class) {
    struct sip_record record;
    struct bound bound;
    struct sip_slice text = {PyBytes_AS_STRING(stored), (size_t)PyBytes_GET_SIZE(stored)};
    if (!sip_record_read(text, &record)) Py_RETURN_NONE;
    choose(&record, now, &bound);
    return is_plain(&bound) ? targets_of(&bound, flows, class) : Py_NewRef(Py_None);
}

PyObject *sip_bound_to(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    enum { RECORD, NOW, FLOWS, CLASS, ARGUMENTS };
    (void)unused;
    if (count != ARGUMENTS || !PyBytes_Check(args[RECORD])) return PyErr_Format(PyExc_TypeError, "record, now, flows and a class expected");
    double now = PyFloat_AsDouble(args[NOW]);
    return PyErr_Occurred() ? NULL : sip_bound_targets(args[RECORD], now, args[FLOWS], args[CLASS]);
}
