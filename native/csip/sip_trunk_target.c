/* native.sip.TargetBase: what is known of one target of a trunk, and the order in which a call tries them. */
#include "sip_py.h"
#include "sip_trunk.h"
#include "structmember.h"

static PyObject *target_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    TargetObject *self = (TargetObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (self) self->failed_at = Py_NewRef(Py_None);
    return (PyObject *)self;
}

static void target_dealloc(TargetObject *self) {
    Py_XDECREF(self->failed_at);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* 1 or 0, -1 with an exception. */
static int is_alive(const TargetObject *self, double now) {
    if (now < self->rests_until) return 0;
    if (self->failed_at == Py_None) return 1;
    double failed_at = PyFloat_AsDouble(self->failed_at);
    if (failed_at == -1.0 && PyErr_Occurred()) return -1;
    return !self->probed && now - failed_at >= SIP_TARGET_REST_S;
}

static PyObject *target_alive(TargetObject *self, PyObject *now) {
    double at = PyFloat_AsDouble(now);
    int alive = at == -1.0 && PyErr_Occurred() ? -1 : is_alive(self, at);
    return alive < 0 ? NULL : PyBool_FromLong(alive);
}

/* --- the order --- */

static TargetObject *item(PyObject *list, Py_ssize_t index) { return (TargetObject *)PyList_GET_ITEM(list, index); }

/* Those known to be dead count only when no other lives. */
static PyObject *living(PyObject *targets, double now) {
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found && i < PyList_GET_SIZE(targets); i++) {
        if (!PyObject_TypeCheck(PyList_GET_ITEM(targets, i), &sip_target_type)) PyErr_SetString(PyExc_TypeError, "a target expected");
        int alive = PyErr_Occurred() ? -1 : is_alive(item(targets, i), now);
        if (alive < 0 || (alive && PyList_Append(found, PyList_GET_ITEM(targets, i)) < 0)) Py_CLEAR(found);
    }
    if (found && !PyList_GET_SIZE(found)) Py_SETREF(found, PyList_GetSlice(targets, 0, PyList_GET_SIZE(targets)));
    return found;
}

/* A number of at least 0 and less than 1; -1.0 with an exception. */
static double draw(PyObject *random) {
    PyObject *number = PyObject_CallNoArgs(random);
    double drawn = number ? PyFloat_AsDouble(number) : -1.0;
    Py_XDECREF(number);
    return drawn;
}

/* The place of the next in turn, with a chance by its weight; -1 when none of them has any, -2 with an exception. */
static Py_ssize_t next_of(PyObject *waiting, PyObject *random) {
    double total = 0.0, passed = 0.0, drawn = 0.0;
    Py_ssize_t heavy = 0, last = -1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(waiting); i++) {
        if (item(waiting, i)->weight <= 0) continue;
        total += (double)item(waiting, i)->weight;
        last = i;
        heavy++;
    }
    if (heavy < 2) return last;
    if ((drawn = draw(random)) == -1.0 && PyErr_Occurred()) return -2;
    for (Py_ssize_t i = 0; i < last; i++) {
        if (item(waiting, i)->weight <= 0) continue;
        passed += (double)item(waiting, i)->weight;
        if (drawn * total < passed) return i;
    }
    return last;
}

/* Heavier ones tend to the front; those of weight 0 stay last (RFC 2782's way). */
static int put_in_order(PyObject *waiting, PyObject *order, PyObject *random) {
    Py_ssize_t at;
    while ((at = next_of(waiting, random)) >= 0)
        if (PyList_Append(order, PyList_GET_ITEM(waiting, at)) < 0 || PyList_SetSlice(waiting, at, at + 1, NULL) < 0) return -1;
    return at == -1 ? PyList_SetSlice(order, PyList_GET_SIZE(order), PyList_GET_SIZE(order), waiting) : -1;
}

PyObject *sip_trunk_in_turn(TrunkObject *self, double now) {
    PyObject *waiting = living(self->targets, now), *order = waiting ? PyList_New(0) : NULL;
    if (order && put_in_order(waiting, order, self->random) < 0) Py_CLEAR(order);
    Py_XDECREF(waiting);
    return order;
}

/* --- the type --- */

static PyMethodDef methods[] = {
    {"alive", (PyCFunction)target_alive, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#define MEMBER(name, kind) {#name, kind, offsetof(TargetObject, name), 0, NULL}
static PyMemberDef members[] = {
    MEMBER(weight, T_LONGLONG), MEMBER(probed, T_BOOL), MEMBER(rests_until, T_DOUBLE), MEMBER(failed_at, T_OBJECT_EX), {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_target_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.TargetBase",
    .tp_basicsize = sizeof(TargetObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = target_new,
    .tp_dealloc = (destructor)target_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
