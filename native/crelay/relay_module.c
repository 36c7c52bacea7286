/* Python binding of native.relay: argument checks only; the work is in the other files of this folder. */
#include <Python.h>
#include <structmember.h>

#include "relay_control.h"
#include "relay_module.h"
#include "relay_socket.h"

#define MAX_THREADS 64

typedef struct {
    PyObject_HEAD
    struct relay *relay; /* NULL until __init__ succeeded */
} RelayObject;

static PyObject *stats_type;
static PyObject *event_type;

static PyObject *fail(enum relay_error error, uint32_t stream)
{
    if (error == RELAY_ERROR_SYSTEM)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (error == RELAY_ERROR_MEMORY || error == RELAY_ERROR_FULL)
        PyErr_SetString(PyExc_MemoryError, relay_error_text(error));
    else if (error == RELAY_ERROR_STREAM)
        PyErr_Format(PyExc_KeyError, "no stream %u", stream);
    else if (error == RELAY_ERROR_OWNER || error == RELAY_ERROR_STOPPED)
        PyErr_SetString(PyExc_RuntimeError, relay_error_text(error));
    else
        PyErr_SetString(PyExc_ValueError, relay_error_text(error));
    return NULL;
}

static PyObject *none_or_fail(enum relay_error error, uint32_t stream)
{
    if (error != RELAY_OK)
        return fail(error, stream);
    Py_RETURN_NONE;
}

static bool in_range(const char *name, long value, long least, long most)
{
    if (value >= least && value <= most)
        return true;
    PyErr_Format(PyExc_ValueError, "%s must be %ld to %ld, not %ld", name, least, most, value);
    return false;
}

static bool parse_address(const char *host, long port, union relay_address *address)
{
    if (!in_range("port", port, 0, UINT16_MAX))
        return false;
    if (relay_address_parse(host, (uint16_t)port, address))
        return true;
    PyErr_Format(PyExc_ValueError, "not an IP address: %s", host);
    return false;
}

static PyObject *bind_udp(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"host", "port", "dscp", NULL};
    const char *host;
    long port, dscp = 46;
    union relay_address address;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sl|l", names, &host, &port, &dscp))
        return NULL;
    if (!in_range("dscp", dscp, 0, 63) || !parse_address(host, port, &address))
        return NULL;
    int fd = relay_bind(&address, (uint8_t)dscp);
    return fd < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(fd);
}

static PyObject *monotonic_ns(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLongLong(relay_now_ns());
}

static int relay_init(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"threads", "capacity", "fifo", "table_fd", NULL};
    long threads = 1, capacity = 4096;
    int fifo = 1, table_fd = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$llpi", names, &threads, &capacity, &fifo, &table_fd))
        return -1;
    if (!in_range("threads", threads, 1, MAX_THREADS) || !in_range("capacity", capacity, 1, RELAY_MAX_CAPACITY))
        return -1;
    if (self->relay != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the relay is made already");
        return -1;
    }
    enum relay_error error = relay_open(&self->relay, (uint32_t)threads, (uint32_t)capacity, fifo, table_fd);
    if (error != RELAY_OK)
        fail(error, 0);
    return error == RELAY_OK ? 0 : -1;
}

static void relay_dealloc(RelayObject *self)
{
    if (self->relay != NULL) {
        Py_BEGIN_ALLOW_THREADS
        relay_close(self->relay);
        Py_END_ALLOW_THREADS
    }
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static struct relay *made(RelayObject *self)
{
    if (self->relay == NULL)
        PyErr_SetString(PyExc_RuntimeError, "Relay.__init__ has not succeeded");
    return self->relay;
}

static PyObject *start(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = made(self);
    enum relay_error error;
    if (relay == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_start(relay);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, 0);
}

static PyObject *stop(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = made(self);
    if (relay == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    relay_stop(relay);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *add(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kind", "ports", "thread", NULL};
    struct relay *relay = made(self);
    long kind, thread = -1;
    relay_sockets sockets;
    uint32_t stream = 0;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "l((ii)(ii))|$l", names, &kind, &sockets[0][0], &sockets[0][1],
                                                      &sockets[1][0], &sockets[1][1], &thread))
        return NULL;
    if (!in_range("kind", kind, RELAY_RTP, RELAY_OPAQUE) || !in_range("thread", thread, -1, (long)relay_threads(relay) - 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_add(relay, (enum relay_kind)kind, sockets, (int)thread, &stream);
    Py_END_ALLOW_THREADS
    return error != RELAY_OK ? fail(error, stream) : PyLong_FromUnsignedLong(stream);
}

static PyObject *adopt(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "ports", NULL};
    struct relay *relay = made(self);
    relay_sockets sockets;
    unsigned int stream;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "I((ii)(ii))", names, &stream, &sockets[0][0], &sockets[0][1],
                                                      &sockets[1][0], &sockets[1][1]))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_adopt(relay, stream, sockets);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, stream);
}

static bool parse_stream(PyObject *argument, uint32_t *stream)
{
    unsigned long number = PyLong_AsUnsignedLong(argument);
    if (number == (unsigned long)-1 && PyErr_Occurred())
        return false;
    *stream = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    return true;
}

static PyObject *thread_of(RelayObject *self, PyObject *argument)
{
    struct relay *relay = made(self);
    uint32_t stream, thread;
    enum relay_error error;
    if (relay == NULL || !parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_thread_of(relay, stream, &thread);
    Py_END_ALLOW_THREADS
    return error != RELAY_OK ? fail(error, stream) : PyLong_FromUnsignedLong(thread);
}

static bool parse_remote(PyObject *pair, const char *learn_host, struct relay_remote *remote)
{
    union relay_address learn;
    if (pair != Py_None) {
        const char *host;
        long port;
        if (!PyTuple_Check(pair)) {
            PyErr_SetString(PyExc_TypeError, "remote must be (host, port) or None");
            return false;
        }
        if (!PyArg_ParseTuple(pair, "sl", &host, &port) || !parse_address(host, port, &remote->address))
            return false;
        if (!in_range("port", port, 1, UINT16_MAX))
            return false;
    }
    if (learn_host == NULL)
        relay_address_host(&remote->address, &remote->learn);
    else if (!parse_address(learn_host, 0, &learn))
        return false;
    else
        relay_address_host(&learn, &remote->learn);
    return true;
}

static PyObject *set_remote(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "component", "remote", "mode", "learn_host", NULL};
    struct relay *relay = made(self);
    struct relay_remote remote = {0};
    unsigned int stream;
    long side, component, mode = RELAY_SYMMETRIC;
    const char *learn_host = NULL;
    PyObject *pair;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "IllO|$lz", names, &stream, &side, &component, &pair, &mode,
                                                      &learn_host))
        return NULL;
    if (!in_range("side", side, 0, 1) || !in_range("component", component, 0, 1) ||
        !in_range("mode", mode, RELAY_FIXED, RELAY_ANY) || !parse_remote(pair, learn_host, &remote))
        return NULL;
    remote.mode = (enum relay_mode)mode;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_remote(relay, stream, (int)side, (int)component, &remote);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, stream);
}

typedef enum relay_error (*flag_setter)(struct relay *relay, uint32_t stream, int side, bool on);

static PyObject *set_flag(RelayObject *self, PyObject *args, PyObject *kwargs, char *name, bool inverted, flag_setter set)
{
    char *names[] = {"stream", "side", name, NULL};
    struct relay *relay = made(self);
    unsigned int stream;
    long side;
    int on;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ilp", names, &stream, &side, &on) ||
        !in_range("side", side, 0, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = set(relay, stream, (int)side, on != inverted);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, stream);
}

static PyObject *set_mux(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    return set_flag(self, args, kwargs, "mux", false, relay_set_mux);
}

static PyObject *set_forward(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    return set_flag(self, args, kwargs, "forward", true, relay_set_blocked);
}

static PyObject *set_dscp(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "dscp", NULL};
    struct relay *relay = made(self);
    unsigned int stream;
    long side, dscp;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ill", names, &stream, &side, &dscp) ||
        !in_range("side", side, 0, 1) || !in_range("dscp", dscp, 0, 63))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_dscp(relay, stream, (int)side, (uint8_t)dscp);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, stream);
}

static PyObject *set_clock(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "payload_type", "clock_hz", NULL};
    struct relay *relay = made(self);
    unsigned int stream;
    long side, payload_type, clock_hz;
    enum relay_error error;
    if (relay == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "Illl", names, &stream, &side, &payload_type, &clock_hz) ||
        !in_range("side", side, 0, 1) || !in_range("payload_type", payload_type, 128 - RELAY_DYNAMIC_TYPES, 127) ||
        !in_range("clock_hz", clock_hz, 0, UINT16_MAX * RELAY_CLOCK_UNIT_HZ))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_clock(relay, stream, (int)side, (uint8_t)payload_type, (uint32_t)clock_hz);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, stream);
}

static PyObject *format_remote(const union relay_address *address)
{
    char host[RELAY_ADDRESS_TEXT];
    if (!relay_address_known(address))
        Py_RETURN_NONE;
    uint16_t port = relay_address_format(address, host);
    return Py_BuildValue("(si)", host, (int)port);
}

static PyObject *stats(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "component", NULL};
    struct relay *relay = made(self);
    struct relay_stats s = {0};
    unsigned int stream;
    long side, component;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ill", names, &stream, &side, &component) ||
        !in_range("side", side, 0, 1) || !in_range("component", component, 0, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_get_stats(relay, stream, (int)side, (int)component, &s);
    Py_END_ALLOW_THREADS
    if (error != RELAY_OK)
        return fail(error, stream);
    return PyObject_CallFunction(stats_type, "KKKKKKKLIIiKKNO", s.packets, s.bytes, s.forwarded, s.send_errors, s.strangers,
                                 s.malformed, s.no_remote, (long long)s.lost, s.jitter, s.ssrc, (int)s.payload_type, s.first_ns,
                                 s.last_ns, format_remote(&s.remote), s.latched ? Py_True : Py_False);
}

static PyObject *last_packet_ns(RelayObject *self, PyObject *argument)
{
    struct relay *relay = made(self);
    uint32_t stream;
    uint64_t last_ns;
    enum relay_error error;
    if (relay == NULL || !parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_last_packet(relay, stream, &last_ns);
    Py_END_ALLOW_THREADS
    return error != RELAY_OK ? fail(error, stream) : PyLong_FromUnsignedLongLong(last_ns);
}

static PyObject *remove_stream(RelayObject *self, PyObject *argument)
{
    struct relay *relay = made(self);
    uint32_t stream;
    enum relay_error error;
    if (relay == NULL || !parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_remove(relay, stream);
    Py_END_ALLOW_THREADS
    return none_or_fail(error, stream);
}

static bool append(PyObject *list, PyObject *item)
{
    bool appended = item != NULL && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return appended;
}

static PyObject *events(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = made(self);
    PyObject *list = relay == NULL ? NULL : PyList_New(0);
    if (list == NULL)
        return NULL;
    relay_events_seen(relay);
    for (uint32_t leg = 0; relay_next_latched(relay, &leg); leg++) {
        PyObject *event = PyObject_CallFunction(event_type, "iIII", RELAY_EVENT_LATCHED, leg >> 2, leg & 1, leg >> 1 & 1);
        if (!append(list, event)) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyObject *progress(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = made(self);
    PyObject *list = relay == NULL ? NULL : PyList_New(0);
    if (list == NULL)
        return NULL;
    for (uint32_t thread = 0; thread < relay_threads(relay); thread++)
        if (!append(list, PyLong_FromUnsignedLongLong(relay_turns(relay, thread)))) {
            Py_DECREF(list);
            return NULL;
        }
    return list;
}

static PyObject *get_threads(RelayObject *self, void *Py_UNUSED(unused))
{
    return made(self) ? PyLong_FromUnsignedLong(relay_threads(self->relay)) : NULL;
}

static PyObject *get_fifo_threads(RelayObject *self, void *Py_UNUSED(unused))
{
    return made(self) ? PyLong_FromUnsignedLong(relay_fifo_threads(self->relay)) : NULL;
}

static PyObject *get_capacity(RelayObject *self, void *Py_UNUSED(unused))
{
    return made(self) ? PyLong_FromUnsignedLong(relay_capacity(self->relay)) : NULL;
}

static PyObject *get_table_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return made(self) ? PyLong_FromLong(relay_table_fd(self->relay)) : NULL;
}

static PyObject *get_event_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return made(self) ? PyLong_FromLong(relay_event_fd(self->relay)) : NULL;
}

#define WITH_KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS
#define PLAIN(function, flags) (PyCFunction)(void (*)(void))(function), flags

static PyMethodDef relay_methods[] = {
    {"start", PLAIN(start, METH_NOARGS), NULL},
    {"stop", PLAIN(stop, METH_NOARGS), "Ends the threads and closes every socket. Idempotent."},
    {"add", WITH_KEYWORDS(add), "A new stream from ((rtp_fd, rtcp_fd), (rtp_fd, rtcp_fd)); returns its id."},
    {"adopt", WITH_KEYWORDS(adopt), "Gives a stream of a table that was taken over its sockets back."},
    {"thread_of", PLAIN(thread_of, METH_O), NULL},
    {"set_remote", WITH_KEYWORDS(set_remote), "Where the side is, and how its address is learned."},
    {"set_mux", WITH_KEYWORDS(set_mux), "RTCP of this side travels on its RTP socket (RFC 5761)."},
    {"set_forward", WITH_KEYWORDS(set_forward), "False: what this side sends is counted and dropped."},
    {"set_dscp", WITH_KEYWORDS(set_dscp), NULL},
    {"set_clock", WITH_KEYWORDS(set_clock), "Clock rate of a dynamic payload type, for jitter."},
    {"stats", WITH_KEYWORDS(stats), "ComponentStats of what one side sent us."},
    {"last_packet_ns", PLAIN(last_packet_ns, METH_O), "Latest accepted packet of either side, 0 when none."},
    {"remove", PLAIN(remove_stream, METH_O), "Closes a stream's sockets and frees its id."},
    {"events", PLAIN(events, METH_NOARGS), NULL},
    {"progress", PLAIN(progress, METH_NOARGS), "Per thread: loop turns so far."},
    {0},
};

static PyGetSetDef relay_properties[] = {
    {"threads", (getter)get_threads, NULL, NULL, NULL},
    {"fifo_threads", (getter)get_fifo_threads, NULL, "How many threads got SCHED_FIFO.", NULL},
    {"capacity", (getter)get_capacity, NULL, NULL, NULL},
    {"table_fd", (getter)get_table_fd, NULL, NULL, NULL},
    {"event_fd", (getter)get_event_fd, NULL, "Readable when events() has something.", NULL},
    {0},
};

static PyType_Slot relay_slots[] = {
    {Py_tp_doc, "RTP relay threads and their stream table."},
    {Py_tp_init, relay_init},
    {Py_tp_dealloc, relay_dealloc},
    {Py_tp_methods, relay_methods},
    {Py_tp_getset, relay_properties},
    {0},
};

static PyType_Spec relay_spec = {
    .name = "native.relay.Relay",
    .basicsize = sizeof(RelayObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = relay_slots,
};

static PyMethodDef module_functions[] = {
    {"bind_udp", WITH_KEYWORDS(bind_udp), "A bound, non-blocking UDP socket's descriptor."},
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
        {"ASYMMETRIC", RELAY_ASYMMETRIC}, {"ANY", RELAY_ANY}, {"RTP", RELAY_RTP}, {"OPAQUE", RELAY_OPAQUE},
        {"LATCHED", RELAY_EVENT_LATCHED},
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
    PyObject *relay_type = PyType_FromSpec(&relay_spec);
    if (collections != NULL && relay_type != NULL) {
        stats_type = named_tuple(collections, "ComponentStats",
                                 "packets bytes forwarded send_errors strangers malformed no_remote lost jitter ssrc payload_type "
                                 "first_ns last_ns remote latched");
        event_type = named_tuple(collections, "Event", "kind stream side component");
    }
    PyObject *layout = relay_layout();
    bool added = stats_type != NULL && event_type != NULL && layout != NULL &&
                 PyModule_AddObjectRef(module, "Relay", relay_type) == 0 &&
                 PyModule_AddObjectRef(module, "ComponentStats", stats_type) == 0 &&
                 PyModule_AddObjectRef(module, "Event", event_type) == 0 &&
                 PyModule_AddObjectRef(module, "STREAM_DTYPE", layout) == 0;
    Py_XDECREF(layout);
    Py_XDECREF(relay_type);
    Py_XDECREF(collections);
    return added;
}

PyMODINIT_FUNC PyInit_relay(void)
{
    PyObject *module = PyModule_Create(&relay_definition);
    if (module != NULL && add_constants(module) && add_types(module))
        return module;
    Py_XDECREF(module);
    return NULL;
}
