/* native.sip.Receiver, the base of Ingress: the way of a proper message. What is odd goes to the methods of the subclass. */
#include "sip_ingress.h"

#include "sip_admission.h"
#include "sip_chars.h"
#include "sip_counted.h"
#include "sip_flow.h"
#include "sip_gate.h"
#include "sip_message_type.h"
#include "sip_slot.h"
#include "sip_transaction.h"
#include "structmember.h"

typedef struct {
    PyObject_HEAD
    PyObject *layer, *counters;
    PyObject *gate, *admission; /* or None */
    PyObject *our_sent_by;      /* of our listeners, a tuple */
    PyObject *pass_on;          /* takes what is another worker's, or None */
    long worker, workers;       /* which of how many this one is */
    struct sip_counted counted; /* names of counters */
} IngressObject;

/* Whether the gate lets it in. */
static int passes(IngressObject *self, PyObject *request, PyObject *flow) {
    return self->gate == Py_None ? 1 : sip_gate_passes(self->gate, request, flow);
}

/* Whether it waits for its turn, or is done with. */
static int is_taken(IngressObject *self, PyObject *request, PyObject *flow) {
    static struct sip_py_word sorting = {"sorting", NULL};
    int sorts = self->admission == Py_None ? 0 : sip_py_is(self->admission, &sorting);
    return sorts > 0 ? sip_admission_takes(self->admission, (MessageObject *)request, flow) : sorts;
}

static int take_request(IngressObject *self, PyObject *request, PyObject *flow) {
    PyObject *name = sip_counted_name(&self->counted, (PyObject *)self, ((MessageObject *)request)->method, flow);
    if (!name || sip_py_count(self->counters, name) < 0) return -1;
    int in = passes(self, request, flow);
    if (in <= 0) return in;
    int taken = is_taken(self, request, flow);
    return taken ? (taken < 0 ? -1 : 0) : sip_layer_receive(self->layer, request, flow);
}

/* Whether one of our listeners, which are few, says so of itself; -1 with an exception. */
static int is_our_name(IngressObject *self, struct sip_slice sent_by) {
    struct sip_py_view ours;
    int same = 0;
    for (Py_ssize_t i = 0; !same && i < PyTuple_GET_SIZE(self->our_sent_by); i++) {
        if (sip_py_view(PyTuple_GET_ITEM(self->our_sent_by, i), &ours) < 0) return -1;
        same = sip_same_nocase(ours.text, sent_by);
        Py_XDECREF(ours.holder);
    }
    return same;
}

/* RFC 3261 section 18.1.2: what does not bear our name in its top Via is dropped. So is what is no SIP/2.0: who knows what it says. */
static int take_response(IngressObject *self, PyObject *response, PyObject *flow) {
    static struct sip_py_word ours = {"sip_responses_total", NULL};
    static struct sip_py_word others = {"sip_dropped_responses_total|reason=sent-by", NULL};
    static struct sip_py_word odd = {"sip_dropped_responses_total|reason=version", NULL};
    struct sip_scratch scratch;
    struct sip_via via;
    if (!sip_is_version_2(&((MessageObject *)response)->core)) return sip_py_count_word(self->counters, &odd);
    struct sip_fault fault = sip_read_via(&((MessageObject *)response)->core, &scratch, &via);
    if (fault.error != SIP_OK) return sip_py_done(sip_py_fault(fault, NULL));
    int known = is_our_name(self, via.sent_by);
    if (known < 0 || sip_py_count_word(self->counters, known ? &ours : &others) < 0) return -1;
    return known ? sip_layer_receive(self->layer, response, flow) : 0;
}

static int refuse(IngressObject *self, PyObject *data, PyObject *flow) {
    static struct sip_py_word name = {"refuse", NULL};
    if (!PyErr_ExceptionMatches(sip_parse_error)) return -1;
    PyObject *error = sip_py_fetched();
    PyObject *text = sip_py_text(&name), *args[] = {(PyObject *)self, data, flow, error};
    int result = text ? sip_py_done(PyObject_VectorcallMethod(text, args, 4, NULL)) : -1;
    Py_XDECREF(error);
    return result;
}

static int take_message(IngressObject *self, PyObject *data, PyObject *flow) {
    PyObject *from = sip_flow_remote(flow), *message = from ? sip_message_received(data, from) : NULL;
    int result;
    if (!message)
        result = from ? refuse(self, data, flow) : -1;
    else if (((MessageObject *)message)->core.status)
        result = take_response(self, message, flow);
    else
        result = take_request(self, message, flow);
    Py_XDECREF(message);
    Py_XDECREF(from);
    return result;
}

/* What no start line begins with: line ends before one, keep-alives, STUN. */
static bool is_noise(PyObject *data) { return !PyBytes_GET_SIZE(data) || (unsigned char)*PyBytes_AS_STRING(data) < ' '; }

static int receive(IngressObject *self, PyObject *data, PyObject *flow) {
    static struct sip_py_word skip_noise = {"skip_noise", NULL};
    if (!PyBytes_Check(data) || !self->layer)
        return sip_py_done(PyErr_Format(PyExc_TypeError, "receive(bytes, flow) of a receiver that was made"));
    if (!is_noise(data)) return take_message(self, data, flow);
    PyObject *rest = sip_py_call((PyObject *)self, &skip_noise, data, flow);
    int result = !rest ? -1 : PyBytes_Check(rest) && PyBytes_GET_SIZE(rest) ? take_message(self, rest, flow) : 0;
    Py_XDECREF(rest);
    return result;
}

/* A message from a socket that all workers have: ours, or another worker's. */
static int receive_shared(IngressObject *self, PyObject *data, PyObject *flow) {
    if (!PyBytes_Check(data) || !self->layer)
        return sip_py_done(PyErr_Format(PyExc_TypeError, "receive_shared(bytes, flow) of a receiver that was made"));
    int64_t slot = sip_call_slot((struct sip_slice){PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)});
    long owner = slot < 0 ? self->worker : (long)(slot % self->workers);
    if (owner == self->worker) return receive(self, data, flow);
    PyObject *number = PyLong_FromLong(owner), *args[] = {data, flow, number};
    int result = number ? sip_py_done(PyObject_Vectorcall(self->pass_on, args, 3, NULL)) : -1;
    Py_XDECREF(number);
    return result;
}

/* --- the type --- */

static PyObject *ingress_receive_shared(IngressObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "receive_shared(data, flow)");
    return sip_py_none(receive_shared(self, args[0], args[1]));
}

static PyObject *ingress_share(IngressObject *self, PyObject *args) {
    long worker, workers;
    PyObject *pass_on;
    if (!PyArg_ParseTuple(args, "llO:share", &worker, &workers, &pass_on)) return NULL;
    if (worker < 0 || worker >= workers) return PyErr_Format(PyExc_ValueError, "worker is one of workers");
    self->worker = worker;
    self->workers = workers;
    Py_XSETREF(self->pass_on, Py_NewRef(pass_on));
    Py_RETURN_NONE;
}

static PyObject *ingress_receive(IngressObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "receive(data, flow)");
    return sip_py_none(receive(self, args[0], args[1]));
}


/* Of a method of ours; held as in a call. */
static int receive_directly(PyObject *method, PyObject *data, PyObject *flow) {
    IngressObject *self = (IngressObject *)PyCFunction_GET_SELF(method);
    bool shared = PyCFunction_GET_FUNCTION(method) == FUNCTION(ingress_receive_shared);
    Py_INCREF(method);
    int result = shared ? receive_shared(self, data, flow) : receive(self, data, flow);
    Py_DECREF(method);
    return result;
}

static bool is_ours(PyObject *function) {
    if (!PyCFunction_Check(function)) return false;
    PyCFunction c = PyCFunction_GET_FUNCTION(function);
    return c == FUNCTION(ingress_receive) || c == FUNCTION(ingress_receive_shared);
}

int sip_receive(PyObject *function, PyObject *data, PyObject *flow) {
    PyObject *args[] = {data, flow};
    if (is_ours(function)) return receive_directly(function, data, flow);
    return sip_py_done(PyObject_Vectorcall(function, args, 2, NULL));
}

static int ingress_init(IngressObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"layer", "counters", "our_sent_by", "gate", "admission", NULL};
    PyObject *layer, *counters, *our_sent_by, *gate = Py_None, *admission = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!|OO:Receiver", keywords, &layer, &PyDict_Type, &counters,
            &PyFrozenSet_Type, &our_sent_by, &gate, &admission))
        return -1;
    PyObject *names = PyDict_New(), *sent_by = names ? PySequence_Tuple(our_sent_by) : NULL;
    if (!sent_by) {
        Py_XDECREF(names);
        return -1;
    }
    Py_XSETREF(self->counted.names, names);
    Py_XSETREF(self->our_sent_by, sent_by);
    Py_XSETREF(self->pass_on, Py_NewRef(Py_None));
    self->worker = 0;
    self->workers = 1;
    Py_XSETREF(self->layer, Py_NewRef(layer));
    Py_XSETREF(self->counters, Py_NewRef(counters));
    Py_XSETREF(self->gate, Py_NewRef(gate));
    Py_XSETREF(self->admission, Py_NewRef(admission));
    return 0;
}

static int ingress_traverse(IngressObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->layer);
    Py_VISIT(self->counters);
    Py_VISIT(self->gate);
    Py_VISIT(self->admission);
    Py_VISIT(self->counted.names);
    Py_VISIT(self->pass_on);
    return 0;
}

static int ingress_clear(IngressObject *self) {
    Py_CLEAR(self->layer); /* without it, nothing is taken */
    return 0;
}

static void ingress_dealloc(IngressObject *self) {
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->layer);
    Py_XDECREF(self->counters);
    Py_XDECREF(self->our_sent_by);
    Py_XDECREF(self->gate);
    Py_XDECREF(self->admission);
    sip_counted_clear(&self->counted);
    Py_XDECREF(self->pass_on);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"receive", FUNCTION(ingress_receive), METH_FASTCALL, NULL},
    {"receive_shared", FUNCTION(ingress_receive_shared), METH_FASTCALL, NULL},
    {"share", (PyCFunction)ingress_share, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"layer", T_OBJECT, offsetof(IngressObject, layer), READONLY, NULL},
    {"counters", T_OBJECT, offsetof(IngressObject, counters), READONLY, NULL},
    {"names", T_OBJECT, offsetof(IngressObject, counted.names), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_ingress_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.Receiver",
    .tp_basicsize = sizeof(IngressObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)ingress_init,
    .tp_traverse = (traverseproc)ingress_traverse,
    .tp_clear = (inquiry)ingress_clear,
    .tp_dealloc = (destructor)ingress_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
