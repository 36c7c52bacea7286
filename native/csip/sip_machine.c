/* native.sip.Machine: a table bound to the class whose methods it names. */
#include "sip_machine.h"

#include "sip_py.h"
#include "sip_transaction_type.h"

static const char *const state_texts[SIP_STATE_COUNT] = {
    [SIP_CALLING] = "calling",
    [SIP_TRYING] = "trying",
    [SIP_PROCEEDING] = "proceeding",
    [SIP_COMPLETED] = "completed",
    [SIP_CONFIRMED] = "confirmed",
    [SIP_ACCEPTED] = "accepted",
    [SIP_TERMINATED] = "terminated",
};
static const char *const event_texts[SIP_EVENT_COUNT] = {
    [SIP_ON_REQUEST] = "request",
    [SIP_ON_ACK] = "ack",
    [SIP_ON_PROVISIONAL] = "1xx",
    [SIP_ON_SUCCESS] = "2xx",
    [SIP_ON_FAILURE] = "300-699",
    [SIP_ON_ONCE] = "final, once",
    [SIP_ON_CANCEL] = "cancel",
    [SIP_ON_TRANSPORT_ERROR] = "transport error",
    [SIP_ON_TIMER_A] = "timer A",
    [SIP_ON_TIMER_B] = "timer B",
    [SIP_ON_TIMER_D] = "timer D",
    [SIP_ON_TIMER_E] = "timer E",
    [SIP_ON_TIMER_F] = "timer F",
    [SIP_ON_TIMER_G] = "timer G",
    [SIP_ON_TIMER_H] = "timer H",
    [SIP_ON_TIMER_I] = "timer I",
    [SIP_ON_TIMER_J] = "timer J",
    [SIP_ON_TIMER_K] = "timer K",
    [SIP_ON_TIMER_L] = "timer L",
    [SIP_ON_TIMER_M] = "timer M",
    [SIP_ON_TIMER_TRYING] = "timer 100",
    [SIP_ON_TIMER_CANCELLED] = "timer cancelled",
    [SIP_ON_TIMER_EXPIRED] = "timer expired",
};
/* Interned, so Python's constants are the same objects. */
static PyObject *states[SIP_STATE_COUNT], *events[SIP_EVENT_COUNT];

static int intern(PyObject **names, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!names[i] && !(names[i] = PyUnicode_InternFromString(texts[i]))) return -1;
    return 0;
}

int sip_machine_init(void) {
    return intern(states, state_texts, SIP_STATE_COUNT) < 0 ? -1 : intern(events, event_texts, SIP_EVENT_COUNT);
}

PyObject *sip_state_name(unsigned state) { return states[state]; }
PyObject *sip_event_name(unsigned event) { return events[event]; }

static int index_of(PyObject *name, PyObject *const *names, const char *const *texts, int count) {
    for (int i = 0; i < count; i++)
        if (names[i] == name) return i;
    for (int i = 0; PyUnicode_Check(name) && i < count; i++)
        if (PyUnicode_CompareWithASCIIString(name, texts[i]) == 0) return i;
    return -1;
}

int sip_event_of(PyObject *name) { return index_of(name, events, event_texts, SIP_EVENT_COUNT); }
static int state_of(PyObject *name) { return index_of(name, states, state_texts, SIP_STATE_COUNT); }

static int refuse(PyObject *error, const char *what, PyObject *which) {
    PyErr_Format(error, "%s: %R", what, which);
    return -1;
}

/* A method in C is called by its function: the transactions of this machine are of `cls`, which has it. */
static int bind_step(struct sip_step *step, PyTypeObject *cls, PyObject *name) {
    if (!PyUnicode_Check(name)) return refuse(PyExc_TypeError, "no name of an action", name);
    if (!(step->method = PyObject_GetAttr((PyObject *)cls, name))) return -1;
    if (!PyCallable_Check(step->method)) return refuse(PyExc_TypeError, "no action", name);
    if (!Py_IS_TYPE(step->method, &PyMethodDescr_Type) || !PyType_IsSubtype(cls, PyDescr_TYPE(step->method))) return 0;
    const PyMethodDef *method = ((PyMethodDescrObject *)step->method)->d_method;
    if (method->ml_flags != METH_O) return refuse(PyExc_TypeError, "no action", name);
    step->native = method->ml_meth;
    return 0;
}

/* `entry` is (next state, names of actions). */
static int bind_rule(MachineObject *self, struct sip_rule *rule, PyObject *table, PyObject *entry) {
    PyObject *actions = PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) == 2 ? PyTuple_GET_ITEM(entry, 1) : NULL;
    if (!actions || !PyTuple_Check(actions) || PyTuple_GET_SIZE(actions) > UINT8_MAX)
        return refuse(PyExc_TypeError, "(next state, actions) expected", entry);
    PyObject *after = PyTuple_GET_ITEM(entry, 0);
    int state = state_of(after), there = PyDict_Contains(table, after);
    if (there < 0) return -1;
    if (state < 0 || !there) return refuse(PyExc_ValueError, "a state that the table lacks", after);
    Py_ssize_t count = PyTuple_GET_SIZE(actions);
    if (count && !(rule->steps = PyMem_Calloc((size_t)count, sizeof *rule->steps))) return PyErr_NoMemory(), -1;
    rule->count = (uint8_t)count;
    for (Py_ssize_t i = 0; i < count; i++)
        if (bind_step(&rule->steps[i], self->cls, PyTuple_GET_ITEM(actions, i)) < 0) return -1;
    rule->after = (uint8_t)state;
    rule->legal = true;
    return 0;
}

static int bind_state(MachineObject *self, PyObject *table, int state, PyObject *rules) {
    PyObject *name, *entry;
    Py_ssize_t at = 0;
    while (PyDict_Next(rules, &at, &name, &entry)) {
        int event = sip_event_of(name);
        if (event < 0) return refuse(PyExc_ValueError, "unknown event", name);
        if (bind_rule(self, &self->rules[state][event], table, entry) < 0) return -1;
    }
    return 0;
}

static int bind_table(MachineObject *self, PyObject *table) {
    PyObject *name, *rules;
    Py_ssize_t at = 0;
    self->first = SIP_STATE_COUNT;
    while (PyDict_Next(table, &at, &name, &rules)) {
        int state = state_of(name);
        if (state < 0) return refuse(PyExc_ValueError, "unknown state", name);
        if (!PyDict_Check(rules)) return refuse(PyExc_TypeError, "the rules of a state are a dict", rules);
        if (self->first == SIP_STATE_COUNT) self->first = (uint8_t)state;
        if (bind_state(self, table, state, rules) < 0) return -1;
    }
    return self->first == SIP_STATE_COUNT ? refuse(PyExc_ValueError, "a table without states", table) : 0;
}

static PyObject *machine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"table", "cls", NULL};
    PyObject *table;
    PyTypeObject *cls;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!:Machine", keywords, &PyDict_Type, &table, &PyType_Type, &cls))
        return NULL;
    if (!PyType_IsSubtype(cls, &sip_transaction_type))
        return PyErr_Format(PyExc_TypeError, "no class of transactions: %R", cls);
    MachineObject *self = (MachineObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->cls = (PyTypeObject *)Py_NewRef(cls);
    if (bind_table(self, table) == 0) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void machine_dealloc(MachineObject *self) {
    for (int state = 0; state < SIP_STATE_COUNT; state++)
        for (int event = 0; event < SIP_EVENT_COUNT; event++) {
            struct sip_rule *rule = &self->rules[state][event];
            for (int i = 0; i < rule->count; i++) Py_XDECREF(rule->steps[i].method);
            PyMem_Free(rule->steps);
        }
    Py_XDECREF(self->cls);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject sip_machine_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Machine",
    .tp_basicsize = sizeof(MachineObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = machine_new,
    .tp_dealloc = (destructor)machine_dealloc,
};
