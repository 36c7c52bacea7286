/* native.sip.CallsBase. */
#include "sip_calls.h"
#include "structmember.h"

#define HELD(field) offsetof(CallsObject, field)
static const size_t held[] = {HELD(calls),    HELD(keys), HELD(invites), HELD(unconfirmed), /* always there */
                              HELD(timers),   HELD(stored), HELD(counters), HELD(cdrs), HELD(trunks), HELD(early_offers)};
#define COUNT (sizeof held / sizeof *held)
#define DICTS 4  /* of them */
#define OTHERS 5 /* from here on it may be None */

static PyObject **field(CallsObject *self, size_t i) { return (PyObject **)((char *)self + held[i]); }

static PyObject *calls_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    CallsObject *self = (CallsObject *)type->tp_alloc(type, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    for (size_t i = OTHERS; i < COUNT; i++) *field(self, i) = Py_NewRef(Py_None);
    self->timers = PyObject_CallFunction((PyObject *)&sip_timers_type, "dd", 0.0, 0.0);
    for (size_t i = 0; i < DICTS; i++) *field(self, i) = PyDict_New();
    if (self->timers && self->calls && self->keys && self->invites && self->unconfirmed) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int calls_init(CallsObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *stored, *timers, *counters, *cdrs;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "OO!O!O:Calls", &stored, &sip_timers_type, &timers, &PyDict_Type, &counters, &cdrs)) return -1;
    Py_SETREF(self->stored, Py_NewRef(stored));
    Py_SETREF(self->timers, Py_NewRef(timers));
    Py_SETREF(self->counters, Py_NewRef(counters));
    Py_SETREF(self->cdrs, Py_NewRef(cdrs));
    return 0;
}

static int calls_traverse(CallsObject *self, visitproc visit, void *arg) {
    for (size_t i = 0; i < COUNT; i++) Py_VISIT(*field(self, i));
    return 0;
}

/* What the methods rely on stays. */
static int calls_clear(CallsObject *self) {
    for (size_t i = OTHERS; i < COUNT; i++) Py_SETREF(*field(self, i), Py_NewRef(Py_None));
    return 0;
}

static void calls_dealloc(CallsObject *self) {
    PyObject_GC_UnTrack(self);
    for (size_t i = 0; i < COUNT; i++) Py_XDECREF(*field(self, i));
    Py_TYPE(self)->tp_free((PyObject *)self);
}

/* --- methods --- */

static bool is_record(PyObject *object) { return Py_IS_TYPE(object, &sip_call_record_type); }

static PyObject *calls_get(CallsObject *self, PyObject *key) {
    CallRecordObject *record = sip_calls_find(self, key);
    if (!record && PyErr_Occurred()) return NULL;
    return Py_NewRef(record ? (PyObject *)record : Py_None);
}

static PyObject *calls_put(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 2 && is_record(args[1])) return sip_py_none(sip_calls_put(self, args[0], (CallRecordObject *)args[1]));
    return PyErr_Format(PyExc_TypeError, "key and record expected");
}

static PyObject *calls_add(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 2 && is_record(args[1])) return sip_py_none(sip_calls_add(self, args[0], (CallRecordObject *)args[1]));
    return PyErr_Format(PyExc_TypeError, "key and record expected");
}

static PyObject *calls_begin(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 3 && is_record(args[1])) return sip_py_none(sip_calls_begin(self, args[0], (CallRecordObject *)args[1], args[2]));
    return PyErr_Format(PyExc_TypeError, "key, record and request expected");
}

static PyObject *calls_answered(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 3 && Py_IS_TYPE(args[2], &sip_message_type))
        return sip_py_none(sip_calls_answered(self, args[0], args[1], (MessageObject *)args[2]));
    return PyErr_Format(PyExc_TypeError, "key, branch and response expected");
}

static PyObject *calls_confirmed(CallsObject *self, PyObject *key) { return sip_py_none(sip_calls_confirmed(self, key)); }

static PyObject *calls_hangs_up(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 3) return sip_py_none(sip_calls_hangs_up(self, args[0], args[1], args[2]));
    return PyErr_Format(PyExc_TypeError, "key and two tags expected");
}

static PyObject *calls_hung_up(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 3) return sip_py_none(sip_calls_hung_up(self, args[0], args[1], args[2]));
    return PyErr_Format(PyExc_TypeError, "key and two tags expected");
}

static PyObject *calls_within(CallsObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count == 2 && Py_IS_TYPE(args[0], &sip_cookie_type) && Py_IS_TYPE(args[1], &sip_message_type))
        return sip_py_none(sip_calls_within(self, (CookieObject *)args[0], (MessageObject *)args[1]));
    return PyErr_Format(PyExc_TypeError, "a Cookie and a request expected");
}

static PyObject *calls_end(CallsObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"key", "cause", "status", "by", NULL};
    PyObject *key, *status = NULL, *by = NULL;
    struct sip_call_end how;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OU|O!U:end", keywords, &key, &how.cause, &PyLong_Type, &status, &by)) return NULL;
    how.status = status ? Py_NewRef(status) : PyLong_FromLong(0);
    how.by = by ? Py_NewRef(by) : PyUnicode_New(0, 0);
    int result = how.status && how.by ? sip_calls_end(self, key, &how) : -1;
    Py_XDECREF(how.status);
    Py_XDECREF(how.by);
    return sip_py_none(result);
}

static Py_ssize_t calls_length(CallsObject *self) { return PyDict_GET_SIZE(self->calls); }

#define METHOD(name, flags) {#name, FUNCTION(calls_##name), flags, NULL}
static PyMethodDef methods[] = {
    METHOD(get, METH_O),
    METHOD(put, METH_FASTCALL),
    METHOD(add, METH_FASTCALL),
    METHOD(begin, METH_FASTCALL),
    METHOD(answered, METH_FASTCALL),
    METHOD(confirmed, METH_O),
    METHOD(hangs_up, METH_FASTCALL),
    METHOD(hung_up, METH_FASTCALL),
    METHOD(within, METH_FASTCALL),
    METHOD(end, METH_VARARGS | METH_KEYWORDS),
    {NULL, NULL, 0, NULL},
};

#define HIDDEN(name) {"_" #name, T_OBJECT_EX, HELD(name), READONLY, NULL}
static PyMemberDef members[] = {
    HIDDEN(calls),
    HIDDEN(keys),
    HIDDEN(invites),
    HIDDEN(unconfirmed),
    HIDDEN(stored),
    HIDDEN(timers),
    HIDDEN(cdrs),
    {"counters", T_OBJECT_EX, HELD(counters), READONLY, NULL},
    {"trunks", T_OBJECT_EX, HELD(trunks), 0, NULL},
    {"early_offers", T_OBJECT_EX, HELD(early_offers), 0, NULL},
    {"relayed", T_BOOL, HELD(relayed), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMappingMethods mapping = {.mp_length = (lenfunc)calls_length};

PyTypeObject sip_calls_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.CallsBase",
    .tp_basicsize = sizeof(CallsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = calls_new,
    .tp_init = (initproc)calls_init,
    .tp_traverse = (traverseproc)calls_traverse,
    .tp_clear = (inquiry)calls_clear,
    .tp_dealloc = (destructor)calls_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_as_mapping = &mapping,
    .tp_methods = methods,
    .tp_members = members,
};
