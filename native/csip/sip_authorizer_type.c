/* native.sip.AuthorizerBase */
#include "sip_authorizer.h"
#include "structmember.h"

static PyObject *authorizer_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    AuthorizerObject *self = (AuthorizerObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    self->challenges = Py_NewRef(Py_None);
    self->challenged = Py_NewRef(Py_None);
    self->backoff = Py_NewRef(Py_None);
    self->is_exempt = Py_NewRef(Py_None);
    if ((self->callers = PyDict_New()) && (self->claims = PyDict_New()) && (self->sources = PyDict_New()) &&
        (self->strangers = PyDict_New()) && (self->realms = PyDict_New()) && (self->counters = PyDict_New()))
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int authorizer_init(AuthorizerObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"counters", "challenges", "challenged", "backoff", "is_exempt", NULL};
    PyObject *counters, *challenges, *challenged, *backoff, *is_exempt;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO!OO:Authorizer", keywords, &PyDict_Type, &counters, &challenges, &sip_recent_type,
                                     &challenged, &backoff, &is_exempt))
        return -1;
    if (backoff != Py_None && !sip_py_is_a(backoff, &sip_backoff_type)) {
        PyErr_SetString(PyExc_TypeError, "backoff: a Backoff or None expected");
        return -1;
    }
    Py_SETREF(self->counters, Py_NewRef(counters));
    Py_SETREF(self->challenges, Py_NewRef(challenges));
    Py_SETREF(self->challenged, Py_NewRef(challenged));
    Py_SETREF(self->backoff, Py_NewRef(backoff));
    Py_SETREF(self->is_exempt, Py_NewRef(is_exempt));
    return 0;
}

static PyObject *note(AuthorizerObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 3 || !Py_IS_TYPE(args[0], &sip_message_type) || !sip_py_is_a(args[1], &sip_digest_type))
        return PyErr_Format(PyExc_TypeError, "a Message, a Digest and a source expected");
    return sip_py_none(sip_authorizer_note(self, args[0], (DigestObject *)args[1], args[2]));
}

/* None of what it refers to knows of it: no cycle goes through it. */
static void authorizer_dealloc(AuthorizerObject *self) {
    PyObject *fields[] = {self->callers,  self->claims,     self->sources,    self->strangers, self->realms,
                          self->counters, self->challenges, self->challenged, self->backoff,   self->is_exempt};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) Py_XDECREF(fields[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"note", FUNCTION(note), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

#define MEMBER(name) {#name, T_OBJECT_EX, offsetof(AuthorizerObject, name), READONLY, NULL}
static PyMemberDef members[] = {
    MEMBER(callers), MEMBER(claims), MEMBER(sources), MEMBER(strangers), MEMBER(realms), MEMBER(counters), {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_authorizer_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.AuthorizerBase",
    .tp_basicsize = sizeof(AuthorizerObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = authorizer_new,
    .tp_init = (initproc)authorizer_init,
    .tp_dealloc = (destructor)authorizer_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
