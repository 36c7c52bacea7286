/* native.sip.NumericHosts, the base of DnsResolver (sipcore/transport/resolver.py): the next hops of a URI whose host is an address,
 * once they are known. */
#include "sip_resolver.h"

#include "structmember.h"

typedef struct {
    PyObject_HEAD
    PyObject *numeric; /* next hops by the text of the URI, a dict */
} HostsObject;

/* Borrowed; NULL with an exception or without. */
static PyObject *known(HostsObject *self, PyObject *uri) {
    if (!sip_uri_parsed(uri)) return NULL;
    PyObject *text = sip_uri_text(uri), *found = PyDict_GetItemWithError(self->numeric, text);
    Py_DECREF(text); /* the Uri keeps it */
    return found;
}

PyObject *sip_resolve(PyObject *resolver, PyObject *uri, PyObject *user, struct sip_py_word *done) {
    static struct sip_py_word word_resolve = {"resolve", NULL};
    PyObject *found = sip_py_is_a(resolver, &sip_hosts_type) ? known((HostsObject *)resolver, uri) : NULL;
    if (found || PyErr_Occurred()) return Py_XNewRef(found);
    PyObject *callback = sip_py_get(user, done);
    found = callback ? sip_py_call(resolver, &word_resolve, uri, callback) : NULL;
    Py_XDECREF(callback);
    return found;
}

static PyObject *hosts_resolve(HostsObject *self, PyObject *const *args, Py_ssize_t count) {
    static struct sip_py_word find = {"find", NULL};
    if (count != 2) return PyErr_Format(PyExc_TypeError, "resolve(uri, done)");
    PyObject *found = known(self, args[0]);
    if (found || PyErr_Occurred()) return Py_XNewRef(found);
    return sip_py_call((PyObject *)self, &find, args[0], args[1]);
}

/* --- the type --- */

static PyObject *hosts_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    HostsObject *self = (HostsObject *)type->tp_alloc(type, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (self && !(self->numeric = PyDict_New())) Py_CLEAR(self);
    return (PyObject *)self;
}

static int hosts_traverse(HostsObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->numeric);
    return 0;
}

static int hosts_clear(HostsObject *self) {
    if (self->numeric) PyDict_Clear(self->numeric);
    return 0;
}

static void hosts_dealloc(HostsObject *self) {
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->numeric);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"resolve", FUNCTION(hosts_resolve), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"numeric", T_OBJECT_EX, offsetof(HostsObject, numeric), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_hosts_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.NumericHosts",
    .tp_basicsize = sizeof(HostsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = hosts_new,
    .tp_traverse = (traverseproc)hosts_traverse,
    .tp_clear = (inquiry)hosts_clear,
    .tp_dealloc = (destructor)hosts_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
