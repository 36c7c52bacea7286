/* native.sip.Timers and native.sip.Timer. The garbage collector doesn't walk running timers: there may be hundreds of
 * thousands, and firing and cancelling cut what could be a cycle. */
#include "sip_timers_type.h"

#include "sip_py.h"
#include "structmember.h"

#include <time.h>

/* A running timer is held by its queue. */
typedef struct {
    PyObject_HEAD
    struct sip_timer timer;
    PyObject *callback; /* NULL once it fired or was cancelled */
    PyObject *argument;
} TimerObject;

typedef struct {
    PyObject_HEAD
    struct sip_timers *timers;
    double now, wall;
    double ahead_s; /* of the machine's clocks */
    PyObject *on_error;
} TimersObject;

static TimerObject *owner_of(struct sip_timer *timer) {
    return (TimerObject *)((char *)timer - offsetof(TimerObject, timer));
}

bool sip_is_clock(PyObject *timers) { return Py_IS_TYPE(timers, &sip_timers_type); }
double sip_clock_now(PyObject *timers) { return ((TimersObject *)timers)->now; }
double sip_clock_wall(PyObject *timers) { return ((TimersObject *)timers)->wall; }

void sip_clock_start(PyObject *timers, struct sip_timer *timer, double delay_s) {
    TimersObject *self = (TimersObject *)timers;
    sip_timers_start(self->timers, timer, self->now, delay_s);
}

/* --- Timer --- */

static void timer_dealloc(TimerObject *self) {
    Py_XDECREF(self->callback);
    Py_XDECREF(self->argument);
    PyObject_Free(self);
}

static void drop(struct sip_timer *timer) {
    TimerObject *self = owner_of(timer);
    Py_CLEAR(self->callback);
    Py_CLEAR(self->argument);
    Py_DECREF(self); /* the queue's */
}

static int fire(struct sip_timer *timer) {
    TimerObject *self = owner_of(timer);
    PyObject *callback = self->callback, *argument = self->argument;
    self->callback = self->argument = NULL;
    Py_DECREF(self); /* the queue's */
    PyObject *result = PyObject_CallOneArg(callback, argument);
    Py_DECREF(callback);
    Py_DECREF(argument);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static const struct sip_timer_kind kind = {fire, drop};

static PyObject *timer_cancel(TimerObject *self, PyObject *unused) {
    (void)unused;
    if (self->timer.next) {
        sip_timer_stop(&self->timer);
        drop(&self->timer);
    }
    Py_RETURN_NONE;
}

static PyMethodDef timer_methods[] = {
    {"cancel", (PyCFunction)timer_cancel, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_timer_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Timer",
    .tp_basicsize = sizeof(TimerObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)timer_dealloc,
    .tp_methods = timer_methods,
};

/* --- Timers --- */

static PyObject *timers_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"now", "wall", "on_error", NULL};
    double now, wall;
    PyObject *on_error = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "dd|O:Timers", keywords, &now, &wall, &on_error)) return NULL;
    TimersObject *self = (TimersObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->now = now;
    self->wall = wall;
    self->on_error = Py_NewRef(on_error);
    if ((self->timers = sip_timers_new())) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static int timers_traverse(TimersObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->on_error);
    return 0;
}

static int timers_clear(TimersObject *self) {
    Py_CLEAR(self->on_error);
    return 0;
}

static void timers_dealloc(TimersObject *self) {
    struct sip_timer *timer;
    PyObject_GC_UnTrack(self);
    if (self->timers) {
        while ((timer = sip_timers_any(self->timers))) {
            sip_timer_stop(timer);
            timer->kind->drop(timer);
        }
        sip_timers_free(self->timers);
    }
    timers_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *timers_after(TimersObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3) return PyErr_Format(PyExc_TypeError, "delay, callback and argument expected");
    double delay_s = PyFloat_AsDouble(args[0]);
    if (delay_s == -1.0 && PyErr_Occurred()) return NULL;
    if (delay_s != delay_s) return PyErr_Format(PyExc_ValueError, "a delay is a number");
    TimerObject *timer = PyObject_New(TimerObject, &sip_timer_type);
    if (!timer) return NULL;
    timer->timer = (struct sip_timer){.kind = &kind};
    timer->callback = Py_NewRef(args[1]);
    timer->argument = Py_NewRef(args[2]);
    sip_clock_start((PyObject *)self, &timer->timer, delay_s);
    return Py_NewRef(timer);
}

/* Tells on_error, which finds the error as in an except block; -1 when the error is to go on. */
static int report(TimersObject *self) {
    static struct sip_py_word call = {"__call__", NULL};
    if (!self->on_error || self->on_error == Py_None || !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyObject *result = sip_py_caught(self->on_error, &call, NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int sip_clock_fire_due(PyObject *timers) {
    TimersObject *self = (TimersObject *)timers;
    struct sip_timer *timer;
    int result = 0;
    sip_timers_collect(self->timers, self->now);
    Py_INCREF(self);
    while (result == 0 && (timer = sip_timers_due(self->timers)))
        if (timer->kind->fire(timer) < 0) result = report(self);
    Py_DECREF(self);
    return result;
}

bool sip_clock_soonest(PyObject *timers, double *deadline) { return sip_timers_soonest(((TimersObject *)timers)->timers, deadline); }

static PyObject *timers_advance(TimersObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "now and wall expected");
    double now = PyFloat_AsDouble(args[0]), wall = PyFloat_AsDouble(args[1]);
    if (PyErr_Occurred()) return NULL;
    self->now = now;
    self->wall = wall;
    return sip_clock_fire_due((PyObject *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

static double seconds(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

void sip_clock_read(PyObject *timers) {
    TimersObject *self = (TimersObject *)timers;
    self->now = seconds(CLOCK_MONOTONIC) + self->ahead_s;
    self->wall = seconds(CLOCK_REALTIME) + self->ahead_s;
}

static PyObject *timers_next_deadline(TimersObject *self, PyObject *unused) {
    double deadline;
    (void)unused;
    if (sip_timers_soonest(self->timers, &deadline)) return PyFloat_FromDouble(deadline);
    Py_RETURN_NONE;
}

static PyObject *timers_lengths(TimersObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(sip_timers_lengths(self->timers));
}

static PyMethodDef timers_methods[] = {
    {"after", FUNCTION(timers_after), METH_FASTCALL, NULL},
    {"advance", FUNCTION(timers_advance), METH_FASTCALL, NULL},
    {"next_deadline", (PyCFunction)timers_next_deadline, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef timers_members[] = {
    {"now", T_DOUBLE, offsetof(TimersObject, now), 0, NULL},
    {"wall", T_DOUBLE, offsetof(TimersObject, wall), 0, NULL},
    {"ahead_s", T_DOUBLE, offsetof(TimersObject, ahead_s), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef timers_getset[] = {
    {"lengths", (getter)timers_lengths, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject sip_timers_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Timers",
    .tp_basicsize = sizeof(TimersObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = timers_new,
    .tp_traverse = (traverseproc)timers_traverse,
    .tp_clear = (inquiry)timers_clear,
    .tp_dealloc = (destructor)timers_dealloc,
    .tp_methods = timers_methods,
    .tp_members = timers_members,
    .tp_getset = timers_getset,
};
