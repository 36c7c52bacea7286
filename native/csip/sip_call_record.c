/* native.sip.CallLeg and native.sip.CallRecord. */
#include "sip_call_record.h"
#include "sip_fields.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* --- CallLeg --- */

#define LEG(name, kind, first) {#name, kind, offsetof(CallLegObject, name), first, NULL}
static const struct sip_field leg_fields[] = {
    LEG(tag, T_OBJECT_EX, SIP_TEXT_FIELD),
    LEG(remote_target, T_OBJECT_EX, SIP_TEXT_FIELD),
    LEG(cseq, T_LONGLONG, SIP_ZERO),
    LEG(listener, T_INT, SIP_ZERO),
    LEG(remote_host, T_OBJECT_EX, SIP_TEXT_FIELD),
    LEG(remote_port, T_INT, SIP_ZERO),
    LEG(natted, T_BOOL, SIP_ZERO),
    LEG(connection_id, T_LONGLONG, SIP_ZERO),
    LEG(route_set, T_OBJECT_EX, SIP_TUPLE),
};

static PyMethodDef leg_methods[] = {
    {"as_dict", sip_fields_as_dict, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_call_leg_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.CallLeg",
    .tp_basicsize = sizeof(CallLegObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = leg_methods,
};

static PyMemberDef leg_members[LENGTH(leg_fields) + 1];
static PyObject *leg_firsts[LENGTH(leg_fields)];
static struct sip_fields leg = {leg_fields, LENGTH(leg_fields), leg_members, leg_firsts, &sip_call_leg_type};

CallLegObject *sip_call_leg_new(void) { return (CallLegObject *)sip_fields_new(&leg); }

/* --- CallRecord --- */

#define FIELD(name, kind, first) {#name, kind, offsetof(CallRecordObject, name), first, NULL}
#define TEXT(name) FIELD(name, T_OBJECT_EX, SIP_TEXT_FIELD)
static PyObject *schema(void) { return PyLong_FromLong(SIP_CALL_SCHEMA); }
static PyObject *ringing(void) { return PyUnicode_InternFromString("ringing"); }
static PyObject *passes(void) { return Py_BuildValue("(ss)", "pass", "pass"); }
static PyObject *no_shifts(void) { return Py_BuildValue("(()())"); }

#define OWN(name, first) {#name, T_OBJECT_EX, offsetof(CallRecordObject, name), SIP_OWN, first}
static const struct sip_field record_fields[] = {
    OWN(v, schema),
    TEXT(call_id),
    TEXT(from_tag),
    TEXT(to_tag),
    TEXT(caller),
    TEXT(callee),
    TEXT(source),
    OWN(state, ringing),
    FIELD(started_at, T_DOUBLE, SIP_ZERO),
    FIELD(answered_at, T_DOUBLE, SIP_ZERO),
    FIELD(legs, T_OBJECT_EX, SIP_LIST),
    TEXT(destination),
    TEXT(route),
    TEXT(trunk_in),
    TEXT(trunk_out),
    TEXT(ng_call_id),
    TEXT(ng_branch),
    FIELD(ringing_at, T_DOUBLE, SIP_ZERO),
    FIELD(bye_at, T_DOUBLE, SIP_ZERO),
    TEXT(bye_by),
    TEXT(silent),
    OWN(srtp, passes),
    FIELD(hides_caller, T_BOOL, SIP_ZERO),
    FIELD(names, T_OBJECT_EX, SIP_NONE),
    OWN(shifts, no_shifts),
    FIELD(media, T_OBJECT_EX, SIP_NONE),
    FIELD(forks, T_OBJECT_EX, SIP_LIST),
};

bool sip_call_same_tag(PyObject *tag, PyObject *recorded) {
    return tag == Py_None ? sip_is_empty(recorded) : sip_same_str(tag, recorded);
}

bool sip_call_belongs(const CallRecordObject *call, PyObject *from_tag, PyObject *to_tag) {
    if (sip_is_empty(call->to_tag)) return true;
    if (sip_call_same_tag(to_tag, call->to_tag)) return sip_call_same_tag(from_tag, call->from_tag);
    return sip_call_same_tag(from_tag, call->to_tag) && sip_call_same_tag(to_tag, call->from_tag);
}

static PyObject *record_belongs(CallRecordObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count != 2) return PyErr_Format(PyExc_TypeError, "two tags expected");
    return PyBool_FromLong(sip_call_belongs(self, args[0], args[1]));
}

static PyObject *record_sides(CallRecordObject *self, PyObject *request) {
    struct sip_call_sides sides;
    if (!Py_IS_TYPE(request, &sip_message_type)) return PyErr_Format(PyExc_TypeError, "a Message expected");
    int known = sip_call_sides(self, (MessageObject *)request, &sides);
    if (known < 0) return NULL;
    return known ? PyTuple_Pack(2, sides.sender, sides.receiver) : Py_NewRef(Py_None);
}

static PyMethodDef record_methods[] = {
    {"belongs", FUNCTION(record_belongs), METH_FASTCALL, NULL},
    {"sides", (PyCFunction)record_sides, METH_O, NULL},
    {"as_dict", sip_fields_as_dict, METH_NOARGS, NULL},
    {"packed", sip_fields_packed, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyTypeObject sip_call_record_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "native.sip.CallRecord",
    .tp_basicsize = sizeof(CallRecordObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = record_methods,
};

static PyMemberDef record_members[LENGTH(record_fields) + 1];
static PyObject *record_firsts[LENGTH(record_fields)];
static struct sip_fields record = {record_fields, LENGTH(record_fields), record_members, record_firsts, &sip_call_record_type};

CallRecordObject *sip_call_record_new(void) { return (CallRecordObject *)sip_fields_new(&record); }

int sip_call_record_init(void) { return sip_fields_ready(&leg) < 0 ? -1 : sip_fields_ready(&record); }

CallLegObject *sip_call_leg_of(CallRecordObject *call, enum sip_side side) {
    PyObject *found = PyList_Check(call->legs) && PyList_GET_SIZE(call->legs) > side ? PyList_GET_ITEM(call->legs, side) : NULL;
    if (found && Py_IS_TYPE(found, &sip_call_leg_type)) return (CallLegObject *)found;
    PyErr_SetString(PyExc_TypeError, "a call without its two legs");
    return NULL;
}

bool sip_call_is_plain(const CallRecordObject *call) {
    return !call->hides_caller && call->names == Py_None && sip_is_empty(call->trunk_in) && sip_is_empty(call->trunk_out);
}

bool sip_call_is(const CallRecordObject *call, const char *state) {
    return PyUnicode_Check(call->state) && PyUnicode_CompareWithASCIIString(call->state, state) == 0;
}
