/* The table's layout for numpy. Every byte is named, so the names and sizes below are those of relay_table.h and relay_fast_leg.h in their order. */
#include "relay_module.h"
#include "relay_table.h"

#define U8 "u1"
#define U16 "<u2"
#define U32 "<u4"
#define U64 "<u8"

struct field {
    const char *name;
    const char *format; /* numpy's; NULL: a record */
    const struct field *record;
    int shape[2]; /* 0: none */
};

static const struct field leg[] = {
    {"setting_sequence", U32, 0, {0}}, {"taken", U32, 0, {0}}, {"fd", "<i4", 0, {0}}, {"flags", U8, 0, {0}},
    {"mode", U8, 0, {0}}, {"latched", U8, 0, {0}}, {"learn_family", U8, 0, {0}}, {"remote", U8, 0, {28}},
    {"learn", U8, 0, {16}}, {"latch_sequence", U32, 0, {0}}, {0},
};

static const struct field flow[] = {
    {"packets", U64, 0, {0}}, {"bytes", U64, 0, {0}}, {"forwarded", U64, 0, {0}}, {"last_ns", U64, 0, {0}},
    {"ssrc", U32, 0, {0}}, {"extended_max", U32, 0, {0}}, {"received", U32, 0, {0}}, {"lost_before", "<i4", 0, {0}},
    {"transit", U32, 0, {0}}, {"jitter_16", U32, 0, {0}}, {"base_sequence", U16, 0, {0}}, {"bad_sequence", U16, 0, {0}},
    {"payload_type", U8, 0, {0}}, {"started", U8, 0, {0}}, {"suspect", U8, 0, {0}}, {"timed", U8, 0, {0}}, {0},
};

static const struct field component[] = {{"leg", NULL, leg, {0}}, {"flow", NULL, flow, {0}}, {0}};

static const struct field rare[] = {
    {"first_ns", U64, 0, {0}}, {"send_errors", U64, 0, {0}}, {"strangers", U64, 0, {0}}, {"malformed", U64, 0, {0}},
    {"no_remote", U64, 0, {0}}, {"latch_checksum", U32, 0, {0}}, {"gaps", U32, 0, {0}}, {0},
};

static const struct field report[] = {
    {"sent_ns", U64, 0, {0}}, {"sent", U32, 0, {0}}, {"round_trip_us", U32, 0, {0}}, {0},
};

static const struct field past[] = {{"remote", U8, 0, {28}}, {"until", U32, 0, {0}}, {0}};

static const struct field setting[] = {
    {"remote", U8, 0, {28}}, {"learn", U8, 0, {16}}, {"mode", U8, 0, {0}}, {"learn_family", U8, 0, {0}},
    {"unused", U8, 0, {2}}, {0},
};

static const struct field stream[] = {
    {"component", NULL, component, {RELAY_COMPONENTS, RELAY_SIDES}}, {"rare", NULL, rare, {RELAY_COMPONENTS, RELAY_SIDES}},
    {"past", NULL, past, {RELAY_COMPONENTS, RELAY_SIDES}},
    {"report", NULL, report, {RELAY_SIDES}},
    {"setting", NULL, setting, {RELAY_COMPONENTS, RELAY_SIDES}}, {"clock", U16, 0, {RELAY_SIDES, RELAY_DYNAMIC_TYPES}},
    {"blocked_types", U32, 0, {RELAY_SIDES}}, {"kind", U32, 0, {0}}, {"thread", U16, 0, {0}}, {"ice", U8, 0, {0}}, {"unused", U8, 0, {0}}, {"dscp", U8, 0, {RELAY_SIDES}}, {"side_flags", U8, 0, {RELAY_SIDES}},
    {"checksum", U32, 0, {0}}, {"state", U32, 0, {0}}, {"reports", U8, 0, {0}},
    {"awaited", U8, 0, {0}}, {"early", U8, 0, {0}}, {"dtls", U8, 0, {0}}, {0},
};

static const struct field pair[] = {
    {"local", U8, 0, {16}}, {"remote", U8, 0, {16}}, {"local_port", ">u2", 0, {0}}, {"remote_port", ">u2", 0, {0}},
    {"version", U32, 0, {0}}, {0},
};

static const struct field fast_leg[] = {
    {"out", NULL, pair, {0}}, {"address_sum", U32, 0, {0}}, {"interface", U32, 0, {0}}, {"on", U32, 0, {0}},
    {"traffic_class", U8, 0, {0}}, {"hop_limit", U8, 0, {0}}, {"priority", U8, 0, {0}},
    {"unused", U8, 0, {0}}, {"gaps", U32, 0, {0}}, {"arrives", U32, 0, {0}}, {"flow", NULL, flow, {0}}, {"clock", U16, 0, {RELAY_FAST_TYPES}}, {0},
};

static PyObject *describe(const struct field *fields);

static PyObject *describe_one(const struct field *field)
{
    PyObject *format = field->format != NULL ? PyUnicode_FromString(field->format) : describe(field->record);
    if (format == NULL)
        return NULL;
    if (field->shape[0] == 0)
        return Py_BuildValue("(sN)", field->name, format);
    if (field->shape[1] == 0)
        return Py_BuildValue("(sN(i))", field->name, format, field->shape[0]);
    return Py_BuildValue("(sN(ii))", field->name, format, field->shape[0], field->shape[1]);
}

static PyObject *describe(const struct field *fields)
{
    PyObject *list = PyList_New(0);
    for (; list != NULL && fields->name != NULL; fields++) {
        PyObject *item = describe_one(fields);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyObject *relay_layout(void) { return describe(stream); }
PyObject *relay_fast_layout(void) { return describe(fast_leg); }
