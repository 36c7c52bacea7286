/* native.sip.TransactionBase: steps and timers, which both kinds of transaction have. */
#include "sip_transaction_type.h"

#include "sip_flow.h"
#include "sip_py.h"
#include "sip_timers_type.h"
#include "structmember.h"

/* --- life --- */

static const struct sip_timer_kind retransmit_kind, wait_kind;

TransactionObject *sip_transaction_new(
    LayerObject *layer, enum sip_machine machine, PyObject *key, PyObject *request, PyObject *flow) {
    MachineObject *rules = layer->machines[machine];
    TransactionObject *self = (TransactionObject *)rules->cls->tp_alloc(rules->cls, 0);
    if (!self) return NULL;
    self->layer = (LayerObject *)Py_NewRef(layer);
    self->machine = (MachineObject *)Py_NewRef(rules);
    self->key = Py_NewRef(key);
    self->request = Py_NewRef(request);
    self->flow = Py_NewRef(flow);
    self->retransmit.kind = &retransmit_kind;
    self->wait.kind = &wait_kind;
    self->state = rules->first;
    return self;
}

void sip_transaction_clear(TransactionObject *self) {
    Py_XDECREF(self->layer);
    Py_XDECREF(self->machine);
    Py_XDECREF(self->key);
    Py_XDECREF(self->request);
    Py_XDECREF(self->flow);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->last);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* --- steps --- */

static int count_illegal(TransactionObject *self, PyObject *event) {
    static struct sip_py_word word = {"count_illegal", NULL};
    return sip_py_do((PyObject *)self, &word, event, NULL);
}

static int act(TransactionObject *self, const struct sip_step *step, PyObject *message) {
    PyObject *args[] = {(PyObject *)self, message};
    if (step->native) return sip_py_done(step->native(args[0], message));
    return sip_py_done(PyObject_Vectorcall(step->method, args, 2, NULL));
}

/* The others, after one has failed: its exception is the one that is told. */
static void act_nevertheless(TransactionObject *self, const struct sip_rule *rule, int from, PyObject *message) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    for (int i = from; i < rule->count; i++)
        if (act(self, &rule->steps[i], message) < 0) PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

int sip_step(TransactionObject *self, enum sip_event event, PyObject *message) {
    const struct sip_rule *rule = &self->machine->rules[self->state][event];
    if (!rule->legal) return count_illegal(self, sip_event_name(event));
    int result = 0;
    self->state = rule->after; /* before the actions: a user they call may come back in */
    Py_INCREF(self);
    for (int i = 0; result == 0 && i < rule->count; i++)
        if ((result = act(self, &rule->steps[i], message)) < 0) act_nevertheless(self, rule, i + 1, message);
    Py_DECREF(self);
    return result;
}

enum sip_event sip_response_event(int status) {
    return status < 200 ? SIP_ON_PROVISIONAL : status < 300 ? SIP_ON_SUCCESS : SIP_ON_FAILURE;
}

static PyObject *handle(TransactionObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count < 1 || count > 2) return PyErr_Format(PyExc_TypeError, "an event, and what it brings");
    int event = sip_event_of(args[0]);
    return sip_py_none(event < 0 ? count_illegal(self, args[0]) : sip_step(self, event, count == 2 ? args[1] : Py_None));
}

/* --- timers --- */

static TransactionObject *owner_of(struct sip_timer *timer, size_t offset) {
    return (TransactionObject *)((char *)timer - offset);
}
#define RETRANSMITTING(timer) owner_of(timer, offsetof(TransactionObject, retransmit))
#define WAITING(timer) owner_of(timer, offsetof(TransactionObject, wait))

static int ran_out(TransactionObject *self, enum sip_event event) {
    int result = sip_step(self, event, Py_None);
    Py_DECREF(self); /* the timer's */
    return result;
}

static int retransmit_fired(struct sip_timer *timer) {
    return ran_out(RETRANSMITTING(timer), RETRANSMITTING(timer)->retransmit_event);
}
static int wait_fired(struct sip_timer *timer) { return ran_out(WAITING(timer), WAITING(timer)->wait_event); }
static void retransmit_dropped(struct sip_timer *timer) { Py_DECREF(RETRANSMITTING(timer)); }
static void wait_dropped(struct sip_timer *timer) { Py_DECREF(WAITING(timer)); }

static const struct sip_timer_kind retransmit_kind = {retransmit_fired, retransmit_dropped};
static const struct sip_timer_kind wait_kind = {wait_fired, wait_dropped};

static void stop(struct sip_timer *timer) {
    if (!timer->next) return;
    sip_timer_stop(timer);
    timer->kind->drop(timer);
}

static void start(TransactionObject *self, struct sip_timer *timer, double delay_s) {
    Py_INCREF(self); /* the timer's */
    stop(timer);
    sip_clock_start(self->layer->timers, timer, delay_s);
}

void sip_retransmit_after(TransactionObject *self, enum sip_event event, double delay_s) {
    self->retransmit_event = (uint8_t)event;
    start(self, &self->retransmit, delay_s);
}

void sip_wait(TransactionObject *self, enum sip_event event, double delay_s) {
    self->wait_event = (uint8_t)event;
    start(self, &self->wait, delay_s);
}

void sip_stop_retransmitting(TransactionObject *self) { stop(&self->retransmit); }

void sip_stop_timers(TransactionObject *self) {
    stop(&self->retransmit);
    stop(&self->wait);
}

int sip_settle(TransactionObject *self, PyObject *flow, enum sip_event event, double delay_s) {
    sip_stop_timers(self);
    int reliable = sip_flow_is_reliable(flow);
    if (reliable < 0) return -1;
    if (reliable) return sip_step(self, event, Py_None);
    sip_wait(self, event, delay_s);
    return 0;
}

static PyObject *start_wait(TransactionObject *self, PyObject *const *args, Py_ssize_t count) {
    int event = count == 2 ? sip_event_of(args[0]) : -1;
    if (event < 0) return PyErr_Format(PyExc_TypeError, "an event and a delay expected");
    double delay_s = PyFloat_AsDouble(args[1]);
    if (delay_s == -1.0 && PyErr_Occurred()) return NULL;
    sip_wait(self, event, delay_s);
    Py_RETURN_NONE;
}

static PyObject *stop_retransmitting(TransactionObject *self, PyObject *unused) {
    (void)unused;
    sip_stop_retransmitting(self);
    Py_RETURN_NONE;
}

static PyObject *stop_timers(TransactionObject *self, PyObject *unused) {
    (void)unused;
    sip_stop_timers(self);
    Py_RETURN_NONE;
}

/* --- the type --- */

static PyObject *get_state(TransactionObject *self, void *unused) {
    (void)unused;
    return Py_NewRef(sip_state_name(self->state));
}

static PyObject *get_retransmits(TransactionObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->retransmit.next != NULL);
}

static PyObject *get_waits(TransactionObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(self->wait.next != NULL);
}

static PyObject *get_wait_deadline(TransactionObject *self, void *unused) {
    (void)unused;
    if (!self->wait.next) Py_RETURN_NONE;
    return PyFloat_FromDouble(self->wait.deadline);
}

static PyGetSetDef getset[] = {
    {"state", (getter)get_state, NULL, NULL, NULL},
    {"retransmits", (getter)get_retransmits, NULL, NULL, NULL},
    {"waits", (getter)get_waits, NULL, NULL, NULL},
    {"wait_deadline", (getter)get_wait_deadline, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"layer", T_OBJECT_EX, offsetof(TransactionObject, layer), READONLY, NULL},
    {"machine", T_OBJECT_EX, offsetof(TransactionObject, machine), READONLY, NULL},
    {"key", T_OBJECT_EX, offsetof(TransactionObject, key), READONLY, NULL},
    {"request", T_OBJECT_EX, offsetof(TransactionObject, request), READONLY, NULL},
    {"owner", T_OBJECT, offsetof(TransactionObject, owner), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef methods[] = {
    {"handle", FUNCTION(handle), METH_FASTCALL, NULL},
    {"start_wait", FUNCTION(start_wait), METH_FASTCALL, NULL},
    {"stop_retransmitting", FUNCTION(stop_retransmitting), METH_NOARGS, NULL},
    {"stop_timers", FUNCTION(stop_timers), METH_O, NULL},
    SIP_PY_UNWALKED,
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_transaction_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.TransactionBase",
    .tp_basicsize = sizeof(TransactionObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)sip_transaction_clear,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = getset,
};
