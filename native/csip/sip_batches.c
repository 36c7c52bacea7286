/* native.sip.Batches, the base of the engine. A batch is bracketed for each wake-up, so nothing here costs a call of Python's that
 * is not asked for. */
#include "sip_batches.h"

#include <math.h>

#include "sip_transaction.h"
#include "sip_udp_endpoint.h"
#include "structmember.h"

int sip_batches_begin(BatchesObject *self) {
    sip_clock_read(self->timers);
    self->begun = sip_layer_begun(self->layer);
    self->is_open = true;
    return 0;
}

int sip_batches_report(BatchesObject *self, struct sip_py_word *what) {
    static struct sip_py_word report = {"report", NULL};
    PyObject *text = PyErr_ExceptionMatches(PyExc_Exception) ? sip_py_text(what) : NULL;
    return text ? sip_py_done(sip_py_caught((PyObject *)self, &report, text)) : -1;
}

static int commit(BatchesObject *self) {
    static struct sip_py_word lose_batch = {"lose_batch", NULL};
    if (self->on_end == Py_None || sip_py_done(PyObject_CallNoArgs(self->on_end)) == 0) return 0;
    return PyErr_ExceptionMatches(PyExc_Exception) ? sip_py_done(sip_py_caught((PyObject *)self, &lose_batch, NULL)) : -1;
}

static int flush(PyObject *sender) {
    static struct sip_py_word name = {"flush", NULL};
    if (sip_py_is_a(sender, &sip_udp_endpoint_type)) return sip_udp_endpoint_flush((UdpEndpointObject *)sender);
    return sip_py_do(sender, &name, NULL, NULL);
}

/* What they queue meanwhile is for another batch. */
static int flush_all(BatchesObject *self) {
    static struct sip_py_word sending = {"what was to be sent", NULL};
    PyObject *senders = self->to_flush;
    int result = 0;
    if (!PyList_GET_SIZE(senders)) return 0;
    if (!(self->to_flush = PyList_New(0))) {
        self->to_flush = senders;
        return -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(senders); i++)
        if (flush(PyList_GET_ITEM(senders, i)) < 0) result = sip_batches_report(self, &sending);
    Py_DECREF(senders);
    return result;
}

/* Whether there are more requests than can be served at once. */
static int is_sorting(BatchesObject *self) {
    static struct sip_py_word sorting = {"sorting", NULL};
    return self->admission == Py_None ? 0 : sip_py_is(self->admission, &sorting);
}

/* When the process stood still, what was to stop the timers that fell due meanwhile may lie in the sockets. */
static int meet_stall(BatchesObject *self) {
    static struct sip_py_word catch_up = {"catch_up", NULL};
    if (sip_py_do((PyObject *)self, &catch_up, NULL, NULL) < 0) return -1;
    self->stall = SIP_STALL_MET;
    return 0;
}

/* Timers fire in whatever batch there is, so that nobody wakes up for them while messages come. Whether it was their turn. */
static int fire_due(BatchesObject *self) {
    double deadline, now = sip_clock_now(self->timers);
    bool caught_up = self->stall == SIP_STALL_OVER;
    if (caught_up) self->stall = SIP_NO_STALL;
    if (now < self->turn || self->stall || !sip_clock_soonest(self->timers, &deadline) || deadline > now) return 0;
    if (!caught_up && now - deadline > self->late_s) return meet_stall(self);
    self->turn = now + self->turn_s;
    return sip_clock_fire_due(self->timers) < 0 ? -1 : 1;
}

static int arm_tick(BatchesObject *self, double deadline) {
    static struct sip_py_word name = {"arm_tick", NULL};
    PyObject *at = PyFloat_FromDouble(deadline < self->turn ? self->turn : deadline);
    self->tick_for = deadline;
    int result = at ? sip_py_do((PyObject *)self, &name, at, NULL) : -1;
    Py_XDECREF(at);
    return result;
}

/* The loop is to wake us for the soonest timer, unless it will. `fired`: what it was to wake us for is done. */
static int keep_tick(BatchesObject *self, bool fired) {
    double deadline;
    if (self->stall || !sip_clock_soonest(self->timers, &deadline)) return 0;
    bool is_armed = self->tick != Py_None && !fired && self->tick_for <= deadline;
    return is_armed ? 0 : arm_tick(self, deadline);
}

int sip_batches_end(BatchesObject *self) {
    static struct sip_py_word plan_turn = {"plan_turn", NULL};
    int fired = fire_due(self);
    if (fired < 0 || commit(self) < 0) return -1;
    self->is_open = false;
    if (flush_all(self) < 0 || keep_tick(self, fired) < 0) return -1;
    int sorting = is_sorting(self);
    return sorting > 0 ? sip_py_do((PyObject *)self, &plan_turn, NULL, NULL) : sorting;
}

int sip_batches_flush_later(BatchesObject *self, PyObject *sender) {
    static struct sip_py_word end_later = {"end_later", NULL};
    if (PyList_Append(self->to_flush, sender) < 0) return -1;
    return self->is_open ? 0 : sip_py_do((PyObject *)self, &end_later, NULL, NULL);
}

/* --- the type --- */

#define HELD(field) offsetof(BatchesObject, field)
static const size_t held[] = {HELD(timers), HELD(to_flush),    /* always there */
                              HELD(on_end), HELD(layer), HELD(tick), HELD(admission), HELD(receive)};
#define COUNT (sizeof held / sizeof *held)
#define OPTIONAL 2 /* from here on it may be None */

static PyObject **field(BatchesObject *self, size_t i) { return (PyObject **)((char *)self + held[i]); }

static PyObject *batches_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    BatchesObject *self = (BatchesObject *)type->tp_alloc(type, 0);
    (void)args;
    (void)kwargs;
    if (!self) return NULL;
    for (size_t i = OPTIONAL; i < COUNT; i++) *field(self, i) = Py_NewRef(Py_None);
    self->timers = PyObject_CallFunction((PyObject *)&sip_timers_type, "dd", 0.0, 0.0);
    if (self->timers && (self->to_flush = PyList_New(0))) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int batches_init(BatchesObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"timers", "on_batch_end", "turn_s", "late_s", NULL};
    PyObject *timers, *on_end = Py_None;
    double turn_s = 0, late_s = HUGE_VAL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|Odd:Batches", keywords, &sip_timers_type, &timers, &on_end, &turn_s, &late_s))
        return -1;
    self->turn_s = turn_s;
    self->late_s = late_s;
    Py_SETREF(self->timers, Py_NewRef(timers));
    Py_SETREF(self->on_end, Py_NewRef(on_end));
    return 0;
}

static int batches_traverse(BatchesObject *self, visitproc visit, void *arg) {
    for (size_t i = 0; i < COUNT; i++) Py_VISIT(*field(self, i));
    return 0;
}

/* What the methods rely on stays: those it is cleared with may call it once more. */
static int batches_clear(BatchesObject *self) {
    for (size_t i = OPTIONAL; i < COUNT; i++) Py_SETREF(*field(self, i), Py_NewRef(Py_None));
    return PyList_SetSlice(self->to_flush, 0, PY_SSIZE_T_MAX, NULL);
}

static void batches_dealloc(BatchesObject *self) {
    PyObject_GC_UnTrack(self);
    for (size_t i = 0; i < COUNT; i++) Py_XDECREF(*field(self, i));
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *batches_begin(BatchesObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_batches_begin(self));
}

static PyObject *batches_end(BatchesObject *self, PyObject *unused) {
    (void)unused;
    return sip_py_none(sip_batches_end(self));
}

static PyObject *batches_caught_up(BatchesObject *self, PyObject *unused) {
    (void)unused;
    self->stall = SIP_STALL_OVER;
    Py_RETURN_NONE;
}

static PyObject *batches_flush_later(BatchesObject *self, PyObject *sender) {
    return sip_py_none(sip_batches_flush_later(self, sender));
}

static PyMethodDef methods[] = {
    {"begin", (PyCFunction)batches_begin, METH_NOARGS, NULL},
    {"end", (PyCFunction)batches_end, METH_NOARGS, NULL},
    {"caught_up", (PyCFunction)batches_caught_up, METH_NOARGS, NULL},
    {"flush_later", (PyCFunction)batches_flush_later, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"timers", T_OBJECT_EX, HELD(timers), READONLY, NULL},
    {"to_flush", T_OBJECT_EX, HELD(to_flush), READONLY, NULL},
    {"layer", T_OBJECT, HELD(layer), 0, NULL},
    {"begun", T_ULONGLONG, HELD(begun), READONLY, NULL},
    {"tick", T_OBJECT, HELD(tick), 0, NULL},
    {"admission", T_OBJECT, HELD(admission), 0, NULL},
    {"receive", T_OBJECT, HELD(receive), 0, NULL},
    {"in_batch", T_BOOL, HELD(is_open), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_batches_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Batches",
    .tp_basicsize = sizeof(BatchesObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = batches_new,
    .tp_init = (initproc)batches_init,
    .tp_traverse = (traverseproc)batches_traverse,
    .tp_clear = (inquiry)batches_clear,
    .tp_dealloc = (destructor)batches_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
