/* Timer C, which ends a branch that stays without final response (RFC 3261 sections 16.7 item 2 and 16.8), and the timer of a
 * target that is to answer soon. */
#include "sip_proxy.h"
#include "sip_py.h"
#include "sip_timers_type.h"

static BranchObject *owner_of(struct sip_timer *timer) {
    return (BranchObject *)((char *)timer - offsetof(BranchObject, timer_c));
}

static int start(BranchObject *self, double delay_s) {
    PyObject *timers = sip_core_of(self)->timers;
    if (!sip_is_clock(timers)) {
        PyErr_SetString(PyExc_TypeError, "the timers of a core are Timers");
        return -1;
    }
    if (sip_clock_start(timers, &self->timer_c, delay_s) < 0) return -1;
    Py_INCREF(self);
    return 0;
}

/* One that was extended meanwhile runs on. */
static int ran_out(BranchObject *self) {
    static struct sip_py_word fired = {"timer_c_fired", NULL}, timer_c = {"Timer C", NULL};
    double left_s = self->timer_c_extended - sip_clock_now(sip_core_of(self)->timers);
    int result = left_s > 0 ? start(self, left_s) : sip_py_do((PyObject *)self, &fired, NULL, NULL);
    return sip_branch_mended(self, &timer_c, result);
}

static int fire(struct sip_timer *timer) {
    BranchObject *self = owner_of(timer);
    int result = ran_out(self);
    Py_DECREF(self); /* the timer's */
    return result;
}

static void drop(struct sip_timer *timer) { Py_DECREF(owner_of(timer)); }

const struct sip_timer_kind sip_timer_c_kind = {fire, drop};

static void stop_timer_c(BranchObject *self) {
    if (!self->timer_c.next) return;
    sip_timer_stop(&self->timer_c);
    drop(&self->timer_c);
}

static int stop_silence(BranchObject *self) {
    static struct sip_py_word cancel = {"cancel", NULL};
    if (self->silence_timer == Py_None) return 0;
    PyObject *running = self->silence_timer;
    self->silence_timer = Py_NewRef(Py_None);
    int stopped = sip_py_do(running, &cancel, NULL, NULL);
    Py_DECREF(running);
    return stopped;
}

/* Until the first provisional response Timer B, which is shorter, does for Timer C. */
int sip_branch_restart_timers(BranchObject *self, int status) {
    CoreObject *core = sip_core_of(self);
    if (stop_silence(self) < 0) return -1;
    if (!sip_context_of(self)->invite || self->status || self->cancelling) return 0;
    if (!self->timer_c.next) return start(self, core->timer_c_s);
    if (status > 100) self->timer_c_extended = sip_clock_now(core->timers) + core->timer_c_s;
    return 0;
}

int sip_branch_end_timers(BranchObject *self) {
    stop_timer_c(self);
    return stop_silence(self);
}

PyObject *sip_branch_stop_timers(BranchObject *self, PyObject *unused) {
    (void)unused;
    return sip_branch_end_timers(self) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *sip_branch_stop_timer_c(BranchObject *self, PyObject *unused) {
    (void)unused;
    stop_timer_c(self);
    Py_RETURN_NONE;
}
