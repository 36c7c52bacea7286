/* native.sip.FlowTable, the base of TransportTable (sipcore/transport/table.py): the flow of datagrams to an address without a call
 * of Python's, once it is known which endpoint serves it. */
#include "sip_flow.h"
#include "sip_message_type.h"
#include "sip_timers_type.h"
#include "sip_udp_endpoint.h"
#include "structmember.h"

#define WAYS 1024 /* a power of two */

/* The flow of datagrams to `destination` from near `near`, all held; NULL where nothing is known. */
struct way {
    PyObject *destination, *near;
    UdpFlowObject *flow;
};

typedef struct {
    PyObject_HEAD
    PyObject *chosen;   /* endpoints, by (transport, host, index of the listener near it or -1) */
    PyObject *by_index; /* endpoints, by index of their listener */
    PyObject *places;   /* whether they are ours, and until when that is known, by (host, port, transport) */
    PyObject *timers;
    struct way ways[WAYS];
} TableObject;

/* The resolver and the listeners keep their objects, so that these two being the same means the same way. */
static struct way *place_of(TableObject *self, const PyObject *destination, const PyObject *near) {
    return &self->ways[((uintptr_t)destination >> 4 ^ (uintptr_t)near >> 6) % WAYS];
}

/* As long as its endpoint is open and has no other for that address. */
static bool is_current(const struct way *way, const PyObject *destination, const PyObject *near) {
    if (way->destination != destination || way->near != near || !way->flow->endpoint->socket) return false;
    return sip_udp_flows_find(&way->flow->endpoint->flows, &way->flow->to) == way->flow;
}

static void forget(struct way *way) {
    Py_CLEAR(way->destination);
    Py_CLEAR(way->near);
    Py_CLEAR(way->flow);
}

static void keep(struct way *way, PyObject *destination, PyObject *near, UdpFlowObject *flow) {
    forget(way);
    *way = (struct way){Py_NewRef(destination), Py_NewRef(near), (UdpFlowObject *)Py_NewRef(flow)};
}

static void forget_ways(TableObject *self) {
    for (size_t i = 0; i < WAYS; i++) forget(&self->ways[i]);
}

/* The key in `chosen`. */
static PyObject *way_to(PyObject *destination, PyObject *near) {
    static struct sip_py_word transport = {"transport", NULL}, host = {"host", NULL}, index = {"index", NULL};
    PyObject *parts[] = {sip_py_get(destination, &transport), sip_py_get(destination, &host),
                         near == Py_None ? PyLong_FromLong(-1) : sip_py_get(near, &index)};
    PyObject *way = parts[0] && parts[1] && parts[2] ? PyTuple_Pack(3, parts[0], parts[1], parts[2]) : NULL;
    for (int i = 0; i < 3; i++) Py_XDECREF(parts[i]);
    return way;
}

/* A new reference. */
static PyObject *endpoint_for(TableObject *self, PyObject *destination, PyObject *near) {
    static struct sip_py_word choose = {"choose", NULL};
    PyObject *way = way_to(destination, near), *found = way ? PyDict_GetItemWithError(self->chosen, way) : NULL;
    Py_XINCREF(found);
    Py_XDECREF(way);
    return found || PyErr_Occurred() ? found : sip_py_call((PyObject *)self, &choose, destination, near);
}

static PyObject *datagrams_to(PyObject *endpoint, PyObject *destination) {
    static struct sip_py_word host = {"host", NULL}, port = {"port", NULL};
    PyObject *name = sip_py_get(destination, &host), *number = name ? sip_py_get(destination, &port) : NULL;
    PyObject *remote = number ? PyTuple_Pack(2, name, number) : NULL, *flow = NULL;
    if (remote) flow = (PyObject *)sip_udp_flow_to((UdpEndpointObject *)endpoint, remote, NULL);
    Py_XDECREF(name);
    Py_XDECREF(number);
    Py_XDECREF(remote);
    return flow;
}

static bool is_udp(PyObject *endpoint) {
    return sip_py_is_a(endpoint, &sip_udp_endpoint_type) && ((UdpEndpointObject *)endpoint)->socket;
}

PyObject *sip_flow_to(PyObject *flows, PyObject *destination, PyObject *near) {
    static struct sip_py_word stream_to = {"stream_to", NULL}, flow_to = {"flow_to", NULL};
    if (!sip_py_is_a(flows, &sip_flow_table_type)) return sip_py_call(flows, &flow_to, destination, near);
    struct way *way = place_of((TableObject *)flows, destination, near);
    if (is_current(way, destination, near)) return Py_NewRef(way->flow);
    PyObject *endpoint = endpoint_for((TableObject *)flows, destination, near), *flow = NULL;
    bool udp = endpoint && is_udp(endpoint);
    if (endpoint) flow = udp ? datagrams_to(endpoint, destination) : sip_py_call(flows, &stream_to, endpoint, destination);
    if (flow && udp) keep(way, destination, near, (UdpFlowObject *)flow);
    Py_XDECREF(endpoint);
    return flow;
}

static PyObject *table_flow_to(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count < 1 || count > 2) return PyErr_Format(PyExc_TypeError, "flow_to(destination, near=None)");
    return sip_flow_to(self, args[0], count == 2 ? args[1] : Py_None);
}

/* Of this process, or of another worker. */
static PyObject *connection_of(PyObject *table, PyObject *endpoint, PyObject *remote, PyObject *connection_id) {
    static struct sip_py_word connections = {"connections", NULL}, elsewhere = {"connection_elsewhere", NULL};
    PyObject *open = sip_py_get(endpoint, &connections);
    PyObject *found = open && PyDict_Check(open) ? PyDict_GetItemWithError(open, connection_id) : NULL;
    Py_XINCREF(found);
    Py_XDECREF(open);
    if (found || PyErr_Occurred()) return found;
    PyObject *args[] = {table, endpoint, remote, connection_id};
    return sip_py_call_with(&elsewhere, args, 4);
}

PyObject *sip_flow_of(PyObject *flows, PyObject *listener, PyObject *remote, PyObject *connection_id) {
    static struct sip_py_word flow_of = {"flow_of", NULL};
    PyObject *args[] = {flows, listener, remote, connection_id};
    if (!sip_py_is_a(flows, &sip_flow_table_type)) return sip_py_call_with(&flow_of, args, 4);
    PyObject *endpoint = PyDict_GetItemWithError(((TableObject *)flows)->by_index, listener);
    if (!endpoint && PyErr_Occurred()) return NULL;
    int connected = PyObject_IsTrue(connection_id);
    if (connected < 0) return NULL;
    if (!endpoint || (connected && is_udp(endpoint))) Py_RETURN_NONE;
    if (is_udp(endpoint)) return (PyObject *)sip_udp_flow_to((UdpEndpointObject *)endpoint, remote, NULL);
    return connection_of(flows, endpoint, remote, connection_id);
}

static PyObject *table_flow_of(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "flow_of(listener_index, remote, connection_id)");
    return sip_flow_of(self, args[0], args[1], args[2]);
}

/* A connection while it is open, and where a datagram came from when its sender wants that (RFC 3581 section 4): 1 or 0; -1. */
static int goes_back(PyObject *request, PyObject *flow) {
    struct sip_scratch scratch;
    struct sip_via via;
    int reliable = sip_flow_is_reliable(flow);
    if (reliable < 0) return -1;
    if (!reliable) return sip_read_via(&((MessageObject *)request)->core, &scratch, &via).error == SIP_OK && via.rport_number >= 0;
    int closed = sip_flow_is_closed(flow);
    return closed < 0 ? -1 : !closed;
}

PyObject *sip_reply_flow(PyObject *flows, PyObject *request, PyObject *flow) {
    static struct sip_py_word reply_flow = {"reply_flow", NULL}, flow_by_via = {"flow_by_via", NULL};
    if (!sip_py_is_a(flows, &sip_flow_table_type)) return sip_py_call(flows, &reply_flow, request, flow);
    int back = goes_back(request, flow);
    if (back < 0) return NULL;
    return back ? Py_NewRef(flow) : sip_py_call(flows, &flow_by_via, request, flow);
}

static PyObject *table_reply_flow(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2 || !sip_py_is_a(args[0], &sip_message_type))
        return PyErr_Format(PyExc_TypeError, "reply_flow(request, flow)");
    return sip_reply_flow(self, args[0], args[1]);
}

/* Whether it is a place of ours, as far as that is known now: 1 or 0; 2 for what has to be found out, -1 with an exception. */
static int known_place(TableObject *self, PyObject *place) {
    PyObject *known = PyDict_GetItemWithError(self->places, place);
    if (!known) return PyErr_Occurred() ? -1 : 2;
    if (!PyTuple_Check(known) || PyTuple_GET_SIZE(known) != 2) return 2;
    double until = PyFloat_AsDouble(PyTuple_GET_ITEM(known, 1));
    if (until == -1.0 && PyErr_Occurred()) return -1;
    return until > sip_clock_now(self->timers) ? PyObject_IsTrue(PyTuple_GET_ITEM(known, 0)) : 2;
}

/* object.name(host, port, transport): 1 or 0; -1 with an exception. `args` begin with the object. */
static int asked(struct sip_py_word *name, PyObject **args) {
    return sip_py_truth(sip_py_call_with(name, args, 4));
}

int sip_is_local(PyObject *flows, PyObject *host, PyObject *port, PyObject *transport) {
    static struct sip_py_word is_local = {"is_local", NULL}, find_local = {"find_local", NULL};
    PyObject *args[] = {flows, host, port, transport};
    if (!sip_py_is_a(flows, &sip_flow_table_type)) return asked(&is_local, args);
    PyObject *place = PyTuple_Pack(3, host, port, transport);
    int known = place ? known_place((TableObject *)flows, place) : -1;
    Py_XDECREF(place);
    return known == 2 ? asked(&find_local, args) : known;
}

static PyObject *table_is_local(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "is_local(host, port, transport)");
    int local = sip_is_local(self, args[0], args[1], args[2]);
    return local < 0 ? NULL : PyBool_FromLong(local);
}

/* --- the type --- */

static int table_init(TableObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"timers", "places", NULL};
    PyObject *timers, *places;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!:FlowTable", keywords, &sip_timers_type, &timers, &PyDict_Type, &places))
        return -1;
    Py_SETREF(self->timers, Py_NewRef(timers));
    Py_SETREF(self->places, Py_NewRef(places));
    return 0;
}

static PyObject *table_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    TableObject *self = (TableObject *)type->tp_alloc(type, 0);
    (void)args;
    (void)kwargs;
    if (self && (self->chosen = PyDict_New()) && (self->by_index = PyDict_New()) && (self->places = PyDict_New()) &&
        (self->timers = PyObject_CallFunction((PyObject *)&sip_timers_type, "dd", 0.0, 0.0)))
        return (PyObject *)self;
    Py_XDECREF(self);
    return NULL;
}

static int table_traverse(TableObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->chosen);
    Py_VISIT(self->by_index);
    Py_VISIT(self->places);
    Py_VISIT(self->timers);
    for (size_t i = 0; i < WAYS; i++) {
        Py_VISIT(self->ways[i].destination);
        Py_VISIT(self->ways[i].near);
        Py_VISIT(self->ways[i].flow);
    }
    return 0;
}

static int table_clear(TableObject *self) {
    PyDict_Clear(self->chosen);
    PyDict_Clear(self->by_index);
    forget_ways(self);
    return 0;
}

/* Which endpoint serves whom is to be chosen anew. */
static PyObject *table_forget_chosen(TableObject *self, PyObject *unused) {
    (void)unused;
    PyDict_Clear(self->chosen);
    forget_ways(self);
    Py_RETURN_NONE;
}

static void table_dealloc(TableObject *self) {
    PyObject_GC_UnTrack(self);
    forget_ways(self);
    Py_XDECREF(self->chosen);
    Py_XDECREF(self->by_index);
    Py_XDECREF(self->places);
    Py_XDECREF(self->timers);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"flow_to", FUNCTION(table_flow_to), METH_FASTCALL, NULL},
    {"flow_of", FUNCTION(table_flow_of), METH_FASTCALL, NULL},
    {"reply_flow", FUNCTION(table_reply_flow), METH_FASTCALL, NULL},
    {"forget_chosen", (PyCFunction)table_forget_chosen, METH_NOARGS, NULL},
    {"is_local", FUNCTION(table_is_local), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"chosen", T_OBJECT_EX, offsetof(TableObject, chosen), READONLY, NULL},
    {"by_index", T_OBJECT_EX, offsetof(TableObject, by_index), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_flow_table_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.FlowTable",
    .tp_basicsize = sizeof(TableObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = table_new,
    .tp_init = (initproc)table_init,
    .tp_traverse = (traverseproc)table_traverse,
    .tp_clear = (inquiry)table_clear,
    .tp_dealloc = (destructor)table_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
