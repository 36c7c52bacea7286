/* native.sip.bound_to: where the only binding of an AOR that is alive leads. */
#include "sip_binding.h"
#include "sip_bound.h"
#include "sip_flow.h"

static bool begins(struct sip_slice text, struct sip_slice with) {
    return text.size > with.size && !memcmp(text.at, with.at, with.size);
}

/* Of those that are alive; NULL when there is more than one, or none. */
static const struct sip_binding *only_one(const struct sip_record *record, double now) {
    const struct sip_binding *found = NULL;
    for (size_t i = 0; i < record->count; i++) {
        if (record->bindings[i].expires_at <= now) continue;
        if (found) return NULL;
        found = &record->bindings[i];
    }
    bool reachable = found && (begins(found->contact, SIP_TEXT("sip:")) || begins(found->contact, SIP_TEXT("sips:")));
    return reachable ? found : NULL;
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

PyObject *sip_bound_target(PyObject *stored, double now, PyObject *flows, PyObject *class) {
    struct sip_record record;
    struct sip_slice text = {PyBytes_AS_STRING(stored), (size_t)PyBytes_GET_SIZE(stored)};
    const struct sip_binding *binding = sip_record_read(text, &record) ? only_one(&record, now) : NULL;
    PyObject *flow = binding ? flow_of(binding, flows) : NULL, *target = NULL;
    if (flow) target = target_of(binding, flow, class);
    else if (!PyErr_Occurred()) target = Py_NewRef(Py_None);
    Py_XDECREF(flow);
    return target;
}

PyObject *sip_bound_to(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    enum { RECORD, NOW, FLOWS, CLASS, ARGUMENTS };
    (void)unused;
    if (count != ARGUMENTS || !PyBytes_Check(args[RECORD])) return PyErr_Format(PyExc_TypeError, "record, now, flows and a class expected");
    double now = PyFloat_AsDouble(args[NOW]);
    return PyErr_Occurred() ? NULL : sip_bound_target(args[RECORD], now, args[FLOWS], args[CLASS]);
}
