/* native.sip.TransactionLayerBase: what the layer holds. */
#include "sip_py.h"
#include "sip_transaction.h"
#include "sip_transaction_type.h"
#include "structmember.h"

unsigned long long sip_layer_begun(PyObject *layer) {
    return layer && sip_py_is_a(layer, &sip_layer_type) ? ((LayerObject *)layer)->begun : 0;
}

int sip_layer_forget(PyObject *transactions, PyObject *key) {
    if (PyDict_DelItem(transactions, key) == 0) return 0;
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) return -1;
    PyErr_Clear();
    return 0;
}

/* --- life --- */

static int read_number(PyObject *settings, struct sip_py_word *name, double *number) {
    PyObject *value = sip_py_get(settings, name);
    *number = value ? PyFloat_AsDouble(value) : -1.0;
    Py_XDECREF(value);
    return PyErr_Occurred() ? -1 : 0;
}

static int read_delays(PyObject *settings, struct sip_delays *delays) {
    static struct sip_py_word names[] = {
        {"t1_s", NULL},      {"t2_s", NULL},     {"t4_s", NULL}, {"timer_d_s", NULL},
        {"timeout_s", NULL}, {"trying_s", NULL}, {"non_invite_trying_s", NULL},
    };
    double *numbers[] = {&delays->t1_s,      &delays->t2_s,     &delays->t4_s, &delays->timer_d_s,
                         &delays->timeout_s, &delays->trying_s, &delays->non_invite_trying_s};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (read_number(settings, &names[i], numbers[i]) < 0) return -1;
    return 0;
}

static int read_limit(PyObject *settings, struct sip_py_word *name, Py_ssize_t *limit) {
    PyObject *value = sip_py_get(settings, name);
    *limit = value ? PyLong_AsSsize_t(value) : -1;
    Py_XDECREF(value);
    return PyErr_Occurred() ? -1 : 0;
}

static int read_settings(PyObject *settings, struct sip_delays *delays) {
    static struct sip_py_word immediate_trying = {"immediate_trying", NULL}, max_datagram = {"max_datagram_bytes", NULL},
                              max_servers = {"max_server_transactions", NULL};
    int immediate = sip_py_is(settings, &immediate_trying);
    delays->immediate_trying = immediate > 0;
    if (immediate < 0 || read_delays(settings, delays) < 0) return -1;
    if (read_limit(settings, &max_datagram, &delays->max_datagram_bytes) < 0) return -1;
    return read_limit(settings, &max_servers, &delays->max_server_transactions);
}

/* A machine for the right side, though its table is anybody's. */
static int take_machines(LayerObject *self, PyTypeObject *type) {
    static struct sip_py_word word = {"machines", NULL};
    PyObject *machines = sip_py_get((PyObject *)type, &word);
    bool good = machines && PyTuple_Check(machines) && PyTuple_GET_SIZE(machines) == SIP_MACHINE_COUNT;
    for (int i = 0; good && i < SIP_MACHINE_COUNT; i++) {
        PyObject *machine = PyTuple_GET_ITEM(machines, i);
        PyTypeObject *side = i < SIP_INVITE_CLIENT ? &sip_server_type : &sip_client_type;
        good = Py_IS_TYPE(machine, &sip_machine_type) && PyType_IsSubtype(((MachineObject *)machine)->cls, side);
        if (good) self->machines[i] = (MachineObject *)Py_NewRef(machine);
    }
    Py_XDECREF(machines);
    if (!good && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "machines: of INVITE and other servers, INVITE and other clients");
    return good ? 0 : -1;
}

static PyObject *layer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"user", "flows", "timers", "settings", "counters", NULL};
    PyObject *user, *flows, *timers, *settings, *counters;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO!OO:TransactionLayer", keywords, &user, &flows, &sip_timers_type,
                                     &timers, &settings, &counters))
        return NULL;
    LayerObject *self = (LayerObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->user = Py_NewRef(user);
    self->flows = Py_NewRef(flows);
    self->timers = Py_NewRef(timers);
    self->settings = Py_NewRef(settings);
    self->counters = Py_NewRef(counters);
    self->servers = PyDict_New();
    self->clients = PyDict_New();
    self->watched = PyDict_New();
    bool made = self->servers && self->clients && self->watched;
    if (made && read_settings(settings, &self->delays) == 0 && take_machines(self, type) == 0) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int layer_traverse(LayerObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->user);
    Py_VISIT(self->flows);
    Py_VISIT(self->timers);
    Py_VISIT(self->settings);
    Py_VISIT(self->counters);
    Py_VISIT(self->servers);
    Py_VISIT(self->clients);
    Py_VISIT(self->watched);
    return 0;
}

/* What could close a cycle; its transactions never see a layer without the rest. */
static int layer_clear(LayerObject *self) {
    PyObject **held[] = {&self->user, &self->flows, &self->counters};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) Py_XSETREF(*held[i], Py_NewRef(Py_None));
    return 0;
}

static void layer_dealloc(LayerObject *self) {
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->user);
    Py_XDECREF(self->flows);
    Py_XDECREF(self->timers);
    Py_XDECREF(self->settings);
    Py_XDECREF(self->counters);
    Py_XDECREF(self->servers);
    Py_XDECREF(self->clients);
    Py_XDECREF(self->watched);
    for (int i = 0; i < SIP_MACHINE_COUNT; i++) Py_XDECREF(self->machines[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* --- the type --- */

static PyMemberDef members[] = {
    {"user", T_OBJECT_EX, offsetof(LayerObject, user), 0, NULL},
    {"flows", T_OBJECT_EX, offsetof(LayerObject, flows), READONLY, NULL},
    {"timers", T_OBJECT_EX, offsetof(LayerObject, timers), READONLY, NULL},
    {"settings", T_OBJECT_EX, offsetof(LayerObject, settings), READONLY, NULL},
    {"counters", T_OBJECT_EX, offsetof(LayerObject, counters), READONLY, NULL},
    {"servers", T_OBJECT_EX, offsetof(LayerObject, servers), READONLY, NULL},
    {"clients", T_OBJECT_EX, offsetof(LayerObject, clients), READONLY, NULL},
    {"watched", T_OBJECT_EX, offsetof(LayerObject, watched), READONLY, NULL},
    {"begun", T_ULONGLONG, offsetof(LayerObject, begun), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef methods[] = {
    {"receive_request", FUNCTION(sip_layer_receive_request), METH_FASTCALL, NULL},
    {"receive_response", FUNCTION(sip_layer_receive_response), METH_FASTCALL, NULL},
    {"request", FUNCTION(sip_layer_request_method), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"unwatch", FUNCTION(sip_layer_unwatch_method), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_layer_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.TransactionLayerBase",
    .tp_basicsize = sizeof(LayerObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = layer_new,
    .tp_traverse = (traverseproc)layer_traverse,
    .tp_clear = (inquiry)layer_clear,
    .tp_dealloc = (destructor)layer_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
