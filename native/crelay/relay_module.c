/* Python binding of native.relay: argument checks only; the work is in the other files of this folder. */
#include <Python.h>

#include "relay_count.h"
#include "relay_counters.h"
#include "relay_lines.h"
#include "relay_session.h"
#include "relay_replies.h"
#include "relay_sdp_write.h"
#include "relay_socket.h"

PyObject *relay_stats_type;
PyObject *relay_tally_type;
PyObject *relay_event_type;
PyObject *relay_recording_type;
PyObject *relay_raw_type;
PyObject *relay_early_type;
PyObject *relay_fast_type;
PyObject *relay_block_type;

static PyObject *bind_udp(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"host", "port", "dscp", NULL};
    const char *host;
    long port, dscp = 46;
    union relay_address address;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sl|l", names, &host, &port, &dscp))
        return NULL;
    if (!relay_in_range("dscp", dscp, 0, 63) || !relay_parse_address(host, port, &address))
        return NULL;
    int fd = relay_bind(&address, (uint8_t)dscp);
    if (fd < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *number = PyLong_FromLong(fd);
    if (number == NULL)
        close(fd);
    return number;
}

#define MAX_PAIRS 64

static PyObject *pairs_of(const int *descriptors, long count)
{
    PyObject *pairs = PyTuple_New(count);
    for (long i = 0; pairs != NULL && i < count; i++) {
        PyObject *pair = Py_BuildValue("(ii)", descriptors[2 * i], descriptors[2 * i + 1]);
        if (pair == NULL)
            Py_CLEAR(pairs);
        else
            PyTuple_SET_ITEM(pairs, i, pair);
    }
    return pairs;
}

static PyObject *bind_pairs(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *host;
    long port, count, dscp;
    int descriptors[2 * MAX_PAIRS], opened = 0;
    union relay_address address;
    PyObject *pairs = NULL;
    if (!PyArg_ParseTuple(args, "slll", &host, &port, &count, &dscp))
        return NULL;
    if (!relay_in_range("count", count, 1, MAX_PAIRS) || !relay_in_range("dscp", dscp, 0, 63) ||
        !relay_parse_address(host, port, &address) || !relay_in_range("last port", port + 2 * count - 1, 1, UINT16_MAX))
        return NULL;
    for (; opened < 2 * count; opened++) {
        address.v4.sin_port = htons((uint16_t)(port + opened)); /* it lies at the same offset in both families */
        if ((descriptors[opened] = relay_bind(&address, (uint8_t)dscp)) < 0)
            break;
    }
    if (opened == 2 * count)
        pairs = pairs_of(descriptors, count);
    else
        PyErr_SetFromErrno(PyExc_OSError);
    while (pairs == NULL && opened > 0)
        close(descriptors[--opened]);
    return pairs;
}

static PyObject *monotonic_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLongLong(relay_now_ns());
}

static PyMethodDef module_functions[] = {
    {"bind_udp", WITH_KEYWORDS(bind_udp), "A bound, non-blocking UDP socket's descriptor."},
    {"bind_pairs", bind_pairs, METH_VARARGS, "Bound sockets on consecutive ports, in pairs."},
    {"bencode_decode", relay_bencode_decode, METH_VARARGS, "The one value in a byte string."},
    {"bencode_encode", relay_bencode_encode, METH_O, "Strings, integers, lists and dictionaries as bytes."},
    {"slim_report", relay_slim_report, METH_O, "Of a party_report what statistics of quality need."},
    {"party_report", relay_party_report, METH_VARARGS, "What ng tells of a party."},
    {"ng_options", relay_ng_options, METH_O, "What of an ng request calls have in common, as it was written."},
    {"sdp_describe", relay_sdp_describe, METH_VARARGS, "What a session description says of each line."},
    {"sdp_as_offered", relay_sdp_as_offered, METH_VARARGS, "What an offer is before anything of it is changed."},
    {"sdp_told", relay_sdp_told, METH_VARARGS, "What of our ports a party is told."},
    {"sdp_write", relay_sdp_write_body, METH_VARARGS, "A session description with our addresses."},
    {"interface_of", relay_interface_of, METH_O, "The number of the interface with that address."},
    {"monotonic_ns", monotonic_ns, METH_NOARGS, "The clock of first_ns and last_ns."},
    {0},
};

static struct PyModuleDef relay_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "native.relay", .m_size = -1, .m_methods = module_functions,
};

static bool add_constants(PyObject *module)
{
    static const struct {
        const char *name;
        long value;
    } constants[] = {
        {"TABLE_VERSION", RELAY_TABLE_VERSION}, {"FIXED", RELAY_FIXED}, {"SYMMETRIC", RELAY_SYMMETRIC},
        {"ASYMMETRIC", RELAY_ASYMMETRIC}, {"ANY", RELAY_ANY}, {"HANDOVER", RELAY_HANDOVER}, {"ICE", RELAY_ICE}, {"RTP", RELAY_RTP},
        {"OPAQUE", RELAY_OPAQUE}, {"LATCHED", RELAY_EVENT_LATCHED}, {"RECORDING", RELAY_RECORDING},
        {"RECORDED", RELAY_RECORDED}, {"RECORDING_FULL", RELAY_RECORDING_FULL}, {"RECORDING_FAILED", RELAY_RECORDING_FAILED},
        {"WRITE_FULL_RTCP", RELAY_WRITE_FULL_RTCP}, {"WRITE_ZERO_ADDRESS", RELAY_WRITE_ZERO_ADDRESS},
        {"WRITE_DIRECTIONS", RELAY_WRITE_DIRECTIONS}, {"WRITE_NO_EXTMAP", RELAY_WRITE_NO_EXTMAP},
        {"WRITE_LOOP_MARK", RELAY_WRITE_LOOP_MARK}, {"WRITE_ORIGIN", RELAY_WRITE_ORIGIN},
        {"WRITE_OWN_ORIGIN", RELAY_WRITE_OWN_ORIGIN}, {"WRITE_USERNAME", RELAY_WRITE_USERNAME},
        {"WRITE_VERSION", RELAY_WRITE_VERSION}, {"WRITE_NEXT_VERSION", RELAY_WRITE_NEXT_VERSION}, {"WRITE_NAME", RELAY_WRITE_NAME},
        {"WRITE_ICE_LITE", RELAY_WRITE_ICE_LITE},
    };
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (PyModule_AddIntConstant(module, constants[i].name, constants[i].value) < 0)
            return false;
    return true;
}

static PyObject *named_tuple(PyObject *collections, const char *name, const char *fields)
{
    PyObject *type = PyObject_CallMethod(collections, "namedtuple", "ss", name, fields);
    PyObject *module = type == NULL ? NULL : PyUnicode_FromString("native.relay");
    if (module != NULL && PyObject_SetAttrString(type, "__module__", module) < 0)
        Py_CLEAR(type);
    Py_XDECREF(module);
    return type;
}

static bool add_sdp_types(PyObject *module)
{
    PyTypeObject *types[] = {&relay_connection_type, &relay_section_type, &relay_description_type, &relay_announced_type,
                             &relay_described_type};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (PyModule_AddType(module, types[i]) < 0)
            return false;
    return true;
}

static bool add_types(PyObject *module)
{
    PyObject *collections = PyImport_ImportModule("collections");
    PyObject *relay_type = PyType_FromSpec(&relay_object_spec);
    if (collections != NULL && relay_type != NULL) {
        relay_stats_type = named_tuple(collections, "ComponentStats",
                                 "packets bytes forwarded send_errors strangers malformed no_remote auth_failed replayed checks checks_refused "
                                 "lost gaps jitter round_trip_us ssrc payload_type first_ns last_ns remote latched");
        relay_tally_type = named_tuple(collections, "Tally", "packets bytes errors strangers forged checks checks_refused");
        relay_event_type = named_tuple(collections, "Event", "kind stream side component");
        relay_recording_type = named_tuple(collections, "RecordingStatus", "state packets bytes dropped error");
        relay_raw_type = named_tuple(collections, "RawStatus", "sockets given_up packets refused");
        relay_early_type = named_tuple(collections, "EarlyStatus", "judged dropped");
        relay_fast_type = named_tuple(collections, "FastStatus", "on unsettled treated chained route packet busy");
        relay_block_type = named_tuple(collections, "PortBlock", "port sockets");
    }
    PyObject *layout = relay_layout(), *fast = relay_fast_layout(), *encodings = relay_sdp_static_encodings();
    bool added = relay_stats_type != NULL && relay_tally_type != NULL && relay_event_type != NULL &&
                 relay_recording_type != NULL && relay_raw_type != NULL && relay_early_type != NULL && relay_fast_type != NULL &&
                 relay_block_type != NULL && layout != NULL &&
                 fast != NULL && encodings != NULL &&
                 PyModule_AddObjectRef(module, "Relay", relay_type) == 0 &&
                 PyModule_AddType(module, &relay_count_type) == 0 && PyModule_AddType(module, &relay_replies_type) == 0 &&
                 PyModule_AddType(module, &relay_dispatcher_type) == 0 && PyModule_AddType(module, &relay_ng_udp_type) == 0 &&
                 PyModule_AddType(module, &relay_side_type) == 0 && PyModule_AddType(module, &relay_dialogue_type) == 0 &&
                 PyModule_AddType(module, &relay_totals_type) == 0 && PyModule_AddType(module, &relay_stream_stats_type) == 0 &&
                 PyModule_AddType(module, &relay_line_type) == 0 && PyModule_AddType(module, &relay_lines_type) == 0 &&
                 PyModule_AddType(module, &relay_chains_type) == 0 && PyModule_AddType(module, &relay_pool_type) == 0 &&
                 PyModule_AddObjectRef(module, "ComponentStats", relay_stats_type) == 0 &&
                 PyModule_AddObjectRef(module, "Tally", relay_tally_type) == 0 &&
                 PyModule_AddObjectRef(module, "Event", relay_event_type) == 0 &&
                 PyModule_AddObjectRef(module, "RecordingStatus", relay_recording_type) == 0 &&
                 PyModule_AddObjectRef(module, "RawStatus", relay_raw_type) == 0 &&
                 PyModule_AddObjectRef(module, "EarlyStatus", relay_early_type) == 0 &&
                 PyModule_AddObjectRef(module, "FastStatus", relay_fast_type) == 0 &&
                 PyModule_AddObjectRef(module, "PortBlock", relay_block_type) == 0 &&
                 PyModule_AddObjectRef(module, "STATIC_ENCODINGS", encodings) == 0 &&
                 PyModule_AddObjectRef(module, "STREAM_DTYPE", layout) == 0 &&
                 PyModule_AddObjectRef(module, "FAST_LEG_DTYPE", fast) == 0;
    Py_XDECREF(encodings);
    Py_XDECREF(layout);
    Py_XDECREF(fast);
    Py_XDECREF(relay_type);
    Py_XDECREF(collections);
    return added;
}

PyMODINIT_FUNC PyInit_relay(void)
{
    PyObject *module = PyModule_Create(&relay_definition);
    if (module != NULL && add_constants(module) && add_types(module) && add_sdp_types(module) && relay_sdp_init() && relay_ng_init())
        return module;
    Py_XDECREF(module);
    return NULL;
}
