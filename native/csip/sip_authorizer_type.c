/* native.sip.AuthorizerBase */
#include "sip_authorizer.h"
#include "structmember.h"

static PyObject *authorizer_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    AuthorizerObject *self = (AuthorizerObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    if ((self->callers = PyDict_New()) && (self->claims = PyDict_New()) && (self->realms = PyDict_New()) && (self->counters = PyDict_New()))
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int authorizer_init(AuthorizerObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"counters", "guarded", NULL};
    PyObject *counters;
    int guarded;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!$p:Authorizer", keywords, &PyDict_Type, &counters, &guarded)) return -1;
    Py_SETREF(self->counters, Py_NewRef(counters));
    self->guarded = (char)guarded;
    return 0;
}

/* None of what it refers to knows of it: no cycle goes through it. */
static void authorizer_dealloc(AuthorizerObject *self) {
    Py_XDECREF(self->callers);
    Py_XDECREF(self->claims);
    Py_XDECREF(self->realms);
    Py_XDECREF(self->counters);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

#define MEMBER(name) {#name, T_OBJECT_EX, offsetof(AuthorizerObject, name), READONLY, NULL}
static PyMemberDef members[] = {
    MEMBER(callers), MEMBER(claims), MEMBER(realms), MEMBER(counters), {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_authorizer_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.AuthorizerBase",
    .tp_basicsize = sizeof(AuthorizerObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = authorizer_new,
    .tp_init = (initproc)authorizer_init,
    .tp_dealloc = (destructor)authorizer_dealloc,
    .tp_members = members,
};
