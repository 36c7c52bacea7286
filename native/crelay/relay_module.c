/* Python binding of native.relay: argument checks only; the work is in the other files of this folder. */
#include <Python.h>

#include "relay_count.h"
#include "relay_replies.h"
#include "relay_socket.h"

PyObject *relay_stats_type;
PyObject *relay_tally_type;
PyObject *relay_event_type;
PyObject *relay_recording_type;
PyObject *relay_raw_type;

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
    {"party_report", relay_party_report, METH_VARARGS, "What ng tells of a party."},
    {"ng_options", relay_ng_options, METH_O, "What of an ng request calls have in common, as it was written."},
    {"sdp_read", relay_sdp_read_body, METH_VARARGS, "What a session description says that concerns a relay."},
    {"sdp_split", relay_sdp_split, METH_VARARGS, "Lines of a session description."},
    {"sdp_write", relay_sdp_write_body, METH_VARARGS, "A session description with our addresses."},
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
        {"ASYMMETRIC", RELAY_ASYMMETRIC}, {"ANY", RELAY_ANY}, {"HANDOVER", RELAY_HANDOVER}, {"RTP", RELAY_RTP},
        {"OPAQUE", RELAY_OPAQUE}, {"LATCHED", RELAY_EVENT_LATCHED}, {"RECORDING", RELAY_RECORDING},
        {"RECORDED", RELAY_RECORDED}, {"RECORDING_FULL", RELAY_RECORDING_FULL}, {"RECORDING_FAILED", RELAY_RECORDING_FAILED},
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

static bool add_types(PyObject *module)
{
    PyObject *collections = PyImport_ImportModule("collections");
    PyObject *relay_type = PyType_FromSpec(&relay_object_spec);
    if (collections != NULL && relay_type != NULL) {
        relay_stats_type = named_tuple(collections, "ComponentStats",
                                 "packets bytes forwarded send_errors strangers malformed no_remote auth_failed replayed "
                                 "lost gaps jitter round_trip_us ssrc payload_type first_ns last_ns remote latched");
        relay_tally_type = named_tuple(collections, "Tally", "packets bytes errors strangers forged");
        relay_event_type = named_tuple(collections, "Event", "kind stream side component");
        relay_recording_type = named_tuple(collections, "RecordingStatus", "state packets bytes dropped error");
        relay_raw_type = named_tuple(collections, "RawStatus", "sockets given_up packets refused");
    }
    PyObject *layout = relay_layout(), *encodings = relay_sdp_static_encodings();
    bool added = relay_stats_type != NULL && relay_tally_type != NULL && relay_event_type != NULL &&
                 relay_recording_type != NULL && relay_raw_type != NULL && layout != NULL && encodings != NULL &&
                 PyModule_AddObjectRef(module, "Relay", relay_type) == 0 &&
                 PyModule_AddType(module, &relay_count_type) == 0 && PyModule_AddType(module, &relay_replies_type) == 0 &&
                 PyModule_AddType(module, &relay_dispatcher_type) == 0 &&
                 PyModule_AddObjectRef(module, "ComponentStats", relay_stats_type) == 0 &&
                 PyModule_AddObjectRef(module, "Tally", relay_tally_type) == 0 &&
                 PyModule_AddObjectRef(module, "Event", relay_event_type) == 0 &&
                 PyModule_AddObjectRef(module, "RecordingStatus", relay_recording_type) == 0 &&
                 PyModule_AddObjectRef(module, "RawStatus", relay_raw_type) == 0 &&
                 PyModule_AddObjectRef(module, "STATIC_ENCODINGS", encodings) == 0 &&
                 PyModule_AddObjectRef(module, "STREAM_DTYPE", layout) == 0;
    Py_XDECREF(encodings);
    Py_XDECREF(layout);
    Py_XDECREF(relay_type);
    Py_XDECREF(collections);
    return added;
}

PyMODINIT_FUNC PyInit_relay(void)
{
    PyObject *module = PyModule_Create(&relay_definition);
    if (module != NULL && add_constants(module) && add_types(module) && relay_sdp_init() && relay_ng_init())
        return module;
    Py_XDECREF(module);
    return NULL;
}
