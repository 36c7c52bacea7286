/* native.relay.Totals. */
#include "relay_counters.h"

#define TALLY_FIELDS 7

PyObject *relay_make_tally(const struct relay_totals *t)
{
    PyObject *fields[] = {
        PyLong_FromUnsignedLongLong(t->packets),   PyLong_FromUnsignedLongLong(t->bytes),  PyLong_FromUnsignedLongLong(t->errors),
        PyLong_FromUnsignedLongLong(t->strangers), PyLong_FromUnsignedLongLong(t->forged), PyLong_FromUnsignedLongLong(t->checks),
        PyLong_FromUnsignedLongLong(t->checks_refused),
    };
    return relay_make_tuple(relay_tally_type, fields, TALLY_FIELDS);
}

PyObject *relay_make_totals(const struct relay_totals totals[RELAY_COMPONENTS])
{
    TotalsObject *self = PyObject_New(TotalsObject, &relay_totals_type);
    if (self != NULL)
        memcpy(self->component, totals, sizeof self->component);
    return (PyObject *)self;
}

static bool parse_tally(PyObject *tally, struct relay_totals *t)
{
    unsigned long long fields[TALLY_FIELDS];
    if (!PyArg_ParseTuple(tally, "KKKKKKK", &fields[0], &fields[1], &fields[2], &fields[3], &fields[4], &fields[5], &fields[6]))
        return false;
    *t = (struct relay_totals){fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]};
    return true;
}

static PyObject *totals_new(PyTypeObject *Py_UNUSED(class), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"rtp", "rtcp", NULL};
    PyObject *tallies[RELAY_COMPONENTS] = {0};
    struct relay_totals totals[RELAY_COMPONENTS] = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O!O!", names, &PyTuple_Type, &tallies[0], &PyTuple_Type, &tallies[1]))
        return NULL;
    for (int i = 0; i < RELAY_COMPONENTS; i++)
        if (tallies[i] != NULL && !parse_tally(tallies[i], &totals[i]))
            return NULL;
    return relay_make_totals(totals);
}

static PyObject *totals_plus(TotalsObject *self, PyObject *other)
{
    if (!Py_IS_TYPE(other, &relay_totals_type))
        return PyErr_Format(PyExc_TypeError, "only Totals can be added, not %s", Py_TYPE(other)->tp_name);
    const struct relay_totals *added = ((TotalsObject *)other)->component;
    struct relay_totals sum[RELAY_COMPONENTS];
    for (int i = 0; i < RELAY_COMPONENTS; i++) {
        const struct relay_totals *own = &self->component[i];
        sum[i] = (struct relay_totals){own->packets + added[i].packets, own->bytes + added[i].bytes, own->errors + added[i].errors,
                                       own->strangers + added[i].strangers, own->forged + added[i].forged,
                                       own->checks + added[i].checks, own->checks_refused + added[i].checks_refused};
    }
    return relay_make_totals(sum);
}

static bool put_tally(struct relay_bencode *out, const struct relay_totals *t)
{
    return RELAY_BENCODE_PUT(out, "d7:packets") && relay_bencode_number(out, (long long)t->packets) && RELAY_BENCODE_PUT(out, "5:bytes") &&
           relay_bencode_number(out, (long long)t->bytes) && RELAY_BENCODE_PUT(out, "6:errors") &&
           relay_bencode_number(out, (long long)t->errors) && RELAY_BENCODE_PUT(out, "e");
}

static PyObject *totals_told(TotalsObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay_bencode out;
    relay_bencode_begin(&out);
    bool done = RELAY_BENCODE_PUT(&out, "d3:RTP") && put_tally(&out, &self->component[RELAY_RTP_COMPONENT]) &&
                RELAY_BENCODE_PUT(&out, "4:RTCP") && put_tally(&out, &self->component[RELAY_RTCP_COMPONENT]) && RELAY_BENCODE_PUT(&out, "e");
    return relay_bencode_end(&out, done);
}

static PyObject *totals_tally(TotalsObject *self, void *component) { return relay_make_tally(&self->component[component != NULL]); }

static PyMethodDef totals_methods[] = {
    {"plus", (PyCFunction)totals_plus, METH_O, "The sum of both."},
    {"told", (PyCFunction)totals_told, METH_NOARGS, "As ng tells them, in bencode."},
    {0},
};

static PyGetSetDef totals_properties[] = {
    {"rtp", (getter)totals_tally, NULL, NULL, NULL},
    {"rtcp", (getter)totals_tally, NULL, NULL, &relay_totals_type},
    {0},
};

PyTypeObject relay_totals_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.relay.Totals",
    .tp_basicsize = sizeof(TotalsObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = totals_new,
    .tp_methods = totals_methods,
    .tp_getset = totals_properties,
};
