/* native.sip.CallTrunksBase: counts the calls of trunks, from their beginning to whatever end they take. */
#include "sip_trunk.h"
#include "structmember.h"

static PyObject *call_trunks_new(PyTypeObject *class, PyObject *args, PyObject *kwargs) {
    CallTrunksObject *self = (CallTrunksObject *)class->tp_alloc(class, 0);
    (void)args, (void)kwargs; /* those of the Python class */
    if (!self) return NULL;
    self->by_name = PyDict_New();
    self->edited = PySet_New(NULL);
    if (self->by_name && self->edited) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int call_trunks_init(CallTrunksObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *by_name;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!:CallTrunks", &PyDict_Type, &by_name)) return -1;
    Py_SETREF(self->by_name, Py_NewRef(by_name));
    return 0;
}

static int call_trunks_traverse(CallTrunksObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->by_name);
    Py_VISIT(self->edited);
    return 0;
}

static void call_trunks_dealloc(CallTrunksObject *self) {
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->by_name);
    Py_XDECREF(self->edited);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

TrunkObject *sip_call_trunks_find(CallTrunksObject *self, PyObject *name) {
    if (sip_is_empty(name)) return NULL;
    PyObject *found = PyDict_GetItemWithError(self->by_name, name);
    return found && sip_py_is_a(found, &sip_trunk_type) ? (TrunkObject *)found : NULL;
}

/* --- calls --- */

/* Of the two sides' trunks how many change its messages, or -1 with an exception. */
static int count(CallTrunksObject *self, CallRecordObject *record, int step) {
    PyObject *names[] = {record->trunk_in, record->trunk_out};
    int editing = 0;
    for (int side = 0; side < 2; side++) {
        TrunkObject *trunk = sip_call_trunks_find(self, names[side]);
        if (trunk && sip_trunk_count(trunk, step) < 0) return -1;
        if (trunk) editing += trunk->edits;
    }
    return PyErr_Occurred() ? -1 : editing;
}

/* Whether CSeq numbers of either side are shifted: 1 or 0, -1 with an exception. */
static int is_shifted(CallRecordObject *record) {
    Py_ssize_t sides = PySequence_Size(record->shifts);
    int shifted = sides < 0 ? -1 : 0;
    for (Py_ssize_t i = 0; i < sides && !shifted; i++) {
        PyObject *shifts = PySequence_GetItem(record->shifts, i);
        shifted = shifts ? PyObject_IsTrue(shifts) : -1;
        Py_XDECREF(shifts);
    }
    return shifted;
}

int sip_call_trunks_begun(CallTrunksObject *self, PyObject *key, CallRecordObject *record) {
    int editing = count(self, record, 1), shifted = editing < 0 ? -1 : is_shifted(record);
    if (shifted < 0) return -1;
    bool disguised = record->hides_caller || record->names != Py_None;
    return editing || shifted || disguised ? PySet_Add(self->edited, key) : 0;
}

int sip_call_trunks_ended(CallTrunksObject *self, PyObject *key, CallRecordObject *record) {
    static struct sip_py_word forget = {"forget", NULL};
    int edited = count(self, record, -1) < 0 ? -1 : PySet_Discard(self->edited, key);
    return edited > 0 ? sip_py_do((PyObject *)self, &forget, key, NULL) : edited;
}

/* --- methods --- */

static PyObject *method(CallTrunksObject *self, PyObject *const *args, Py_ssize_t given,
    int (*step)(CallTrunksObject *, PyObject *, CallRecordObject *)) {
    if (given != 2 || !Py_IS_TYPE(args[1], &sip_call_record_type)) return PyErr_Format(PyExc_TypeError, "key and record expected");
    return sip_py_none(step(self, args[0], (CallRecordObject *)args[1]));
}

static PyObject *call_trunks_begun(CallTrunksObject *self, PyObject *const *args, Py_ssize_t given) {
    return method(self, args, given, sip_call_trunks_begun);
}

static PyObject *call_trunks_ended(CallTrunksObject *self, PyObject *const *args, Py_ssize_t given) {
    return method(self, args, given, sip_call_trunks_ended);
}

static PyMethodDef methods[] = {
    {"begun", FUNCTION(call_trunks_begun), METH_FASTCALL, NULL},
    {"ended", FUNCTION(call_trunks_ended), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"edited", T_OBJECT_EX, offsetof(CallTrunksObject, edited), READONLY, NULL},
    {"_by_name", T_OBJECT_EX, offsetof(CallTrunksObject, by_name), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_call_trunks_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.CallTrunksBase",
    .tp_basicsize = sizeof(CallTrunksObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = call_trunks_new,
    .tp_init = (initproc)call_trunks_init,
    .tp_traverse = (traverseproc)call_trunks_traverse,
    .tp_dealloc = (destructor)call_trunks_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
