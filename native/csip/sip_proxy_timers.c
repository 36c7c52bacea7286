/* Timer C, which ends a branch that stays without final response (RFC 3261 sections 16.7 item 2 and 16.8), and the timer of a
 * target that is to answer soon. */
#include <math.h>

#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_timers_type.h"

/* The caller holds the branch; so also below. */
static void stop(BranchObject *self, struct sip_timer *timer) {
    if (!timer->next) return;
    sip_timer_stop(timer);
    Py_DECREF(self);
}

static int start(BranchObject *self, struct sip_timer *timer, double delay_s) {
    PyObject *timers = sip_core_of(self)->timers;
    if (!sip_is_clock(timers)) {
        PyErr_SetString(PyExc_TypeError, "the timers of a core are Timers");
        return -1;
    }
    stop(self, timer);
    sip_clock_start(timers, timer, delay_s);
    Py_INCREF(self);
    return 0;
}

/* --- Timer C --- */

static BranchObject *owner_of_c(struct sip_timer *timer) {
    return (BranchObject *)((char *)timer - offsetof(BranchObject, timer_c));
}

/* One that was extended meanwhile runs on, for whole seconds: phones that ring for long must not make as many lengths of timers. */
static int ran_out(BranchObject *self) {
    static struct sip_py_word fired = {"timer_c_fired", NULL}, timer_c = {"Timer C", NULL};
    double left_s = self->timer_c_extended - sip_clock_now(sip_core_of(self)->timers);
    int result = left_s > 0 ? start(self, &self->timer_c, ceil(left_s)) : sip_py_do((PyObject *)self, &fired, NULL, NULL);
    return sip_branch_mended(self, &timer_c, result);
}

static int fire_c(struct sip_timer *timer) {
    BranchObject *self = owner_of_c(timer);
    int result = ran_out(self);
    Py_DECREF(self); /* the timer's */
    return result;
}

static void drop_c(struct sip_timer *timer) { Py_DECREF(owner_of_c(timer)); }

const struct sip_timer_kind sip_timer_c_kind = {fire_c, drop_c};

/* --- silence --- */

static BranchObject *owner_of_silence(struct sip_timer *timer) {
    return (BranchObject *)((char *)timer - offsetof(BranchObject, silence));
}

static int fire_silence(struct sip_timer *timer) {
    static struct sip_py_word stayed_silent = {"stayed_silent", NULL}, a_silent_target = {"a silent target", NULL};
    BranchObject *self = owner_of_silence(timer);
    int result = sip_branch_mended(self, &a_silent_target, sip_py_do((PyObject *)self, &stayed_silent, NULL, NULL));
    Py_DECREF(self); /* the timer's */
    return result;
}

static void drop_silence(struct sip_timer *timer) { Py_DECREF(owner_of_silence(timer)); }

const struct sip_timer_kind sip_silence_kind = {fire_silence, drop_silence};

int sip_branch_start_silence(BranchObject *self, PyObject *seconds) {
    double delay_s = PyFloat_AsDouble(seconds);
    return delay_s == -1.0 && PyErr_Occurred() ? -1 : start(self, &self->silence, delay_s);
}

/* --- both --- */

/* Until the first provisional response Timer B, which is shorter, does for Timer C. */
int sip_branch_restart_timers(BranchObject *self, int status) {
    CoreObject *core = sip_core_of(self);
    stop(self, &self->silence);
    if (!sip_context_of(self)->invite || self->status || self->cancelling) return 0;
    if (!self->timer_c.next) return start(self, &self->timer_c, core->timer_c_s);
    if (status > 100) self->timer_c_extended = sip_clock_now(core->timers) + core->timer_c_s;
    return 0;
}

void sip_branch_end_timers(BranchObject *self) {
    stop(self, &self->timer_c);
    stop(self, &self->silence);
}

void sip_branch_end_timer_c(BranchObject *self) { stop(self, &self->timer_c); }
