/* native.sip.ApplicationBase */
#include "sip_application.h"
#include "sip_py.h"
#include "structmember.h"

#define HELD (sizeof(ApplicationObject) - offsetof(ApplicationObject, authorizer)) / sizeof(PyObject *)

static PyObject **held(ApplicationObject *self) { return &self->authorizer; }

static PyObject *application_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    ApplicationObject *self = (ApplicationObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    for (size_t i = 0; self && i < HELD; i++) held(self)[i] = Py_NewRef(Py_None);
    return (PyObject *)self;
}

static bool is(PyObject *object, PyTypeObject *type, const char *what) {
    if (sip_py_is_a(object, type)) return true;
    PyErr_Format(PyExc_TypeError, "%s: %s expected, not %.100s", what, type->tp_name, Py_TYPE(object)->tp_name);
    return false;
}

static int application_init(ApplicationObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"authorizer", "called", "called_from", "identities", "passing", "trunks", "policy", "locations",
                               "registering", "services", "timers", "invite_class", "bye_class", "dialog_class", "media_class", "glue",
                               "capabilities", "user_rates", "verifies", NULL};
    PyObject *given[HELD];
    int verifies;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!O!O!O!OOOOO!OOOOOU$Op:Application", keywords, &given[0], &PyDict_Type, &given[1],
                                     &PyDict_Type, &given[2], &PyDict_Type, &given[3], &PySet_Type, &given[4], &sip_call_trunks_type,
                                     &given[5], &given[6], &given[7], &given[8], &given[9], &sip_timers_type, &given[10], &given[11],
                                     &given[12], &given[13], &given[14], &given[15], &given[16], &given[17], &verifies))
        return -1;
    if (!is(given[0], &sip_authorizer_type, "authorizer") || (given[17] != Py_None && !is(given[17], &sip_rates_type, "user_rates")))
        return -1;
    for (size_t i = 0; i < HELD; i++) Py_SETREF(held(self)[i], Py_NewRef(given[i]));
    self->verifies = (char)verifies;
    return 0;
}

static int application_traverse(ApplicationObject *self, visitproc visit, void *arg) {
    for (size_t i = 0; i < HELD; i++) Py_VISIT(held(self)[i]);
    return 0;
}

/* The methods find something in each of them. */
static int application_clear(ApplicationObject *self) {
    for (size_t i = 0; i < HELD; i++) Py_SETREF(held(self)[i], Py_NewRef(Py_None));
    return 0;
}

static void application_dealloc(ApplicationObject *self) {
    PyObject_GC_UnTrack(self);
    for (size_t i = 0; i < HELD; i++) Py_XDECREF(held(self)[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"on_request", FUNCTION(sip_application_on_request), METH_O, NULL},
    {"on_dialog_request", FUNCTION(sip_application_on_dialog_request), METH_FASTCALL, NULL},
    {"on_ack", FUNCTION(sip_application_on_ack), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"registering", T_OBJECT_EX, offsetof(ApplicationObject, registering), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_application_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.ApplicationBase",
    .tp_basicsize = sizeof(ApplicationObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = application_new,
    .tp_init = (initproc)application_init,
    .tp_traverse = (traverseproc)application_traverse,
    .tp_clear = (inquiry)application_clear,
    .tp_dealloc = (destructor)application_dealloc,
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
