/* native.sip.SourceGate, the base of Gate. What was found out about a source or a User-Agent is looked up; the rest is the
 * subclass's to find out. */
#include "sip_gate.h"

#include "sip_flow.h"
#include "sip_message_type.h"
#include "structmember.h"

typedef struct {
    PyObject_HEAD
    PyObject *exempt;   /* whether there are no limits for it, by host */
    PyObject *scanners; /* whether a scanner calls itself so, by User-Agent */
    char limits_rates, refuses_scanners;
} GateObject;

/* What is known of `key`, else what self.find(key) says. */
static int known(GateObject *self, PyObject *answers, PyObject *key, struct sip_py_word *find) {
    PyObject *answer = PyDict_GetItemWithError(answers, key);
    if (answer || PyErr_Occurred()) return answer ? PyObject_IsTrue(answer) : -1;
    return sip_py_truth(sip_py_call((PyObject *)self, find, key, NULL));
}

static int is_exempt(GateObject *self, PyObject *host) {
    static struct sip_py_word find_exempt = {"find_exempt", NULL};
    return known(self, self->exempt, host, &find_exempt);
}

/* Whether it sends too often; ACK is not counted, it answers our own answers. */
static int is_over_rate(GateObject *self, MessageObject *request, PyObject *host) {
    static struct sip_py_word exceeds = {"exceeds", NULL};
    if (!self->limits_rates || sip_py_is_method(request->method, SIP_ACK)) return 0;
    return sip_py_truth(sip_py_call((PyObject *)self, &exceeds, host, NULL));
}

static int is_scanner(GateObject *self, MessageObject *request, PyObject *host) {
    static struct sip_py_word user_agent = {"User-Agent", NULL}, find_scanner = {"find_scanner", NULL};
    static struct sip_py_word refuse_scanner = {"refuse_scanner", NULL};
    PyObject *name = self->refuses_scanners ? sip_py_text(&user_agent) : NULL;
    PyObject *agent = name ? sip_message_get(request, name) : NULL;
    if (!agent) return self->refuses_scanners ? -1 : 0;
    int is = agent == Py_None ? 0 : known(self, self->scanners, agent, &find_scanner);
    Py_DECREF(agent);
    if (is > 0 && sip_py_do((PyObject *)self, &refuse_scanner, host, NULL) < 0) return -1;
    return is;
}

static int passes(GateObject *self, MessageObject *request, PyObject *host) {
    int is = is_exempt(self, host);
    if (is) return is;
    is = is_over_rate(self, request, host);
    if (is == 0) is = is_scanner(self, request, host);
    return is < 0 ? -1 : !is;
}

static int passes_from(GateObject *self, PyObject *request, PyObject *flow) {
    PyObject *host = sip_flow_remote_host(flow);
    int result = host ? passes(self, (MessageObject *)request, host) : -1;
    Py_XDECREF(host);
    return result;
}

int sip_gate_passes(PyObject *gate, PyObject *request, PyObject *flow) {
    PyObject *args[] = {request, flow};
    if (sip_py_is_a(gate, &sip_gate_type)) return passes_from((GateObject *)gate, request, flow);
    return sip_py_truth(PyObject_Vectorcall(gate, args, 2, NULL));
}

/* --- the type --- */

static PyObject *gate_call(GateObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"request", "flow", NULL};
    PyObject *request, *flow;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O:SourceGate", keywords, &sip_message_type, &request, &flow)) return NULL;
    int result = passes_from(self, request, flow);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *gate_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    GateObject *self = (GateObject *)type->tp_alloc(type, 0);
    (void)args;
    (void)kwargs;
    if (self && (self->exempt = PyDict_New()) && (self->scanners = PyDict_New())) return (PyObject *)self;
    Py_XDECREF(self);
    return NULL;
}

static int gate_init(GateObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"limits_rates", "refuses_scanners", NULL};
    int rates, scanners;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "pp:SourceGate", keywords, &rates, &scanners)) return -1;
    self->limits_rates = (char)rates;
    self->refuses_scanners = (char)scanners;
    return 0;
}

/* Its dicts hold strings and booleans: no cycle goes through them. */
static void gate_dealloc(GateObject *self) {
    Py_XDECREF(self->exempt);
    Py_XDECREF(self->scanners);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef members[] = {
    {"exempt", T_OBJECT_EX, offsetof(GateObject, exempt), READONLY, NULL},
    {"scanners", T_OBJECT_EX, offsetof(GateObject, scanners), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject sip_gate_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.SourceGate",
    .tp_basicsize = sizeof(GateObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = gate_new,
    .tp_init = (initproc)gate_init,
    .tp_dealloc = (destructor)gate_dealloc,
    .tp_call = (ternaryfunc)gate_call,
    .tp_members = members,
};
