/* What the proxy core has at hand for every message: the base of sipcore.proxy.core.ProxyCore. */
#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_py.h"
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

/* The methods find something in each of them. */
static int core_clear(CoreObject *self) {
    for (size_t i = 0; i < OBJECTS; i++) Py_SETREF(objects(self)[i], Py_NewRef(Py_None));
    return 0;
}

static void core_dealloc(CoreObject *self) {
    PyObject_GC_UnTrack(self);
    for (size_t i = 0; i < OBJECTS; i++) Py_XDECREF(objects(self)[i]);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject *sip_proxy_class(PyObject *class, PyTypeObject *base) {
    if (PyType_Check(class) && PyType_IsSubtype((PyTypeObject *)class, base)) return (PyTypeObject *)class;
    PyErr_Format(PyExc_TypeError, "class made of %s expected, not %R", base->tp_name, class);
    return NULL;
}

/* --- what the files of the proxy share --- */

PyObject *sip_proxy_listener(PyObject *flow) {
    static struct sip_py_word word_index = {"index", NULL};
    PyObject *listener = sip_flow_listener(flow), *index = listener ? sip_py_get(listener, &word_index) : NULL;
    Py_XDECREF(listener);
    return index;
}

int sip_proxy_add(struct sip_buffer *out, PyObject *str) {
    struct sip_py_view view;
    if (sip_py_view(str, &view) < 0) return -1;
    sip_add(out, view.text);
    Py_XDECREF(view.holder);
    return 0;
}

int sip_proxy_add_start(struct sip_buffer *out, PyObject *starts, PyObject *index) {
    PyObject *start = PyDict_GetItemWithError(starts, index);
    if (start) return sip_proxy_add(out, start);
    if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, index);
    return -1;
}

int sip_proxy_push(MessageObject *message, enum sip_name id, struct sip_buffer *value) {
    if (value->failed) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *done = sip_message_edited(message, id, sip_push(&message->core, sip_known(id), (struct sip_slice){value->at, value->size}));
    Py_XDECREF(done);
    return done ? 0 : -1;
}

int sip_proxy_hand_over(PyObject *object, struct sip_py_word *method, PyObject *first) {
    PyObject *error = sip_py_fetched();
    int result = first ? sip_py_do(object, method, first, error) : sip_py_do(object, method, error, NULL);
    Py_XDECREF(error);
    return result;
}

static PyMethodDef methods[] = {
    {"on_request", FUNCTION(sip_core_on_request), METH_O, NULL},
    {"on_ack", FUNCTION(sip_core_on_ack), METH_FASTCALL, NULL},
    {"on_cancel", FUNCTION(sip_core_on_cancel), METH_FASTCALL, NULL},
    {"is_ours", FUNCTION(sip_core_is_ours), METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#define OBJECT(name) {#name, T_OBJECT_EX, offsetof(CoreObject, name), 0, NULL}
static PyMemberDef members[] = {
    OBJECT(app), OBJECT(flows), OBJECT(resolver), OBJECT(timers), OBJECT(transactions),
    OBJECT(branch_mac), OBJECT(branch_key_id), OBJECT(branch_prefix),
    OBJECT(cookie_keys), OBJECT(vias), OBJECT(record_routes), OBJECT(no_dialog), OBJECT(ports),
    OBJECT(inbound_class), OBJECT(context_class), OBJECT(branch_class), OBJECT(target_class), OBJECT(ack_class),
    {"max_forwards", T_UINT, offsetof(CoreObject, max_forwards), 0, NULL},
    {"timer_c_s", T_DOUBLE, offsetof(CoreObject, timer_c_s), 0, NULL},
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
    .tp_setattro = sip_py_set_attribute,
    .tp_methods = methods,
    .tp_members = members,
};
