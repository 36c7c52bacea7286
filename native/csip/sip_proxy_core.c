/* What the proxy core has at hand for every message: the base of sipcore.proxy.core.ProxyCore. */
#include "sip_proxy.h"
#include "structmember.h"

#define OBJECTS (sizeof(CoreObject) - offsetof(CoreObject, app)) / sizeof(PyObject *)

static PyObject **objects(CoreObject *self) { return &self->app; }

static PyObject *core_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    CoreObject *self = (CoreObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    for (size_t i = 0; self && i < OBJECTS; i++) objects(self)[i] = Py_NewRef(Py_None);
    return (PyObject *)self;
}

static int core_traverse(CoreObject *self, visitproc visit, void *arg) {
    for (size_t i = 0; i < OBJECTS; i++) Py_VISIT(objects(self)[i]);
    return 0;
}

static int core_clear(CoreObject *self) {
    for (size_t i = 0; i < OBJECTS; i++) Py_CLEAR(objects(self)[i]);
    return 0;
}

static void core_dealloc(CoreObject *self) {
    PyObject_GC_UnTrack(self);
    core_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject *sip_proxy_class(PyObject *class, PyTypeObject *base) {
    if (PyType_Check(class) && PyType_IsSubtype((PyTypeObject *)class, base)) return (PyTypeObject *)class;
    PyErr_Format(PyExc_TypeError, "class made of %s expected, not %R", base->tp_name, class);
    return NULL;
}

#define OBJECT(name) {#name, T_OBJECT_EX, offsetof(CoreObject, name), 0, NULL}
static PyMemberDef members[] = {
    OBJECT(app), OBJECT(flows), OBJECT(resolver), OBJECT(timers), OBJECT(transactions),
    OBJECT(branch_mac), OBJECT(branch_key_id), OBJECT(branch_prefix),
    OBJECT(vias), OBJECT(record_routes), OBJECT(no_dialog), OBJECT(context_class), OBJECT(branch_class),
    {"max_forwards", T_UINT, offsetof(CoreObject, max_forwards), 0, NULL},
    {"max_breadth", T_UINT, offsetof(CoreObject, max_breadth), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_core_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.CoreBase",
    .tp_basicsize = sizeof(CoreObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = core_new,
    .tp_traverse = (traverseproc)core_traverse,
    .tp_clear = (inquiry)core_clear,
    .tp_dealloc = (destructor)core_dealloc,
    .tp_members = members,
};
