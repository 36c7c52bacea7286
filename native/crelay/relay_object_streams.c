/* Methods of native.relay.Relay about one stream. */
#include "relay_module.h"

PyObject *relay_object_add(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kind", "ports", "thread", "awaited", NULL};
    struct relay *relay = relay_made(self);
    long kind, thread = -1;
    int awaited = 0;
    relay_sockets sockets;
    uint32_t stream = 0;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "l((ii)(ii))|lp", names, &kind, &sockets[0][0],
                                                      &sockets[0][1], &sockets[1][0], &sockets[1][1], &thread, &awaited))
        return NULL;
    if (!relay_in_range("kind", kind, RELAY_RTP, RELAY_OPAQUE) ||
        !relay_in_range("thread", thread, -1, (long)relay_threads(relay) - 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_add(relay, (enum relay_kind)kind, sockets, (int)thread, awaited != 0, &stream);
    Py_END_ALLOW_THREADS
    if (error != RELAY_OK)
        return relay_fail(error, stream);
    PyObject *number = PyLong_FromUnsignedLong(stream);
    if (number == NULL) /* the caller will never know of it */
        relay_undo_add(relay, stream);
    return number;
}

PyObject *relay_object_adopt(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "ports", NULL};
    struct relay *relay = relay_made(self);
    relay_sockets sockets;
    unsigned int stream;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "I((ii)(ii))", names, &stream, &sockets[0][0],
                                                      &sockets[0][1], &sockets[1][0], &sockets[1][1]))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_adopt(relay, stream, sockets);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

bool relay_parse_stream(PyObject *argument, uint32_t *stream)
{
    unsigned long number = PyLong_AsUnsignedLong(argument);
    if (number == (unsigned long)-1 && PyErr_Occurred())
        return false;
    *stream = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
    return true;
}

PyObject *relay_object_release(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    uint32_t stream;
    enum relay_error error;
    if (relay == NULL || !relay_parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_release(relay, stream);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_thread_of(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    uint32_t stream, thread;
    enum relay_error error;
    if (relay == NULL || !relay_parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_thread_of(relay, stream, &thread);
    Py_END_ALLOW_THREADS
    return error != RELAY_OK ? relay_fail(error, stream) : PyLong_FromUnsignedLong(thread);
}

typedef enum relay_error (*flag_setter)(struct relay *relay, uint32_t stream, int side, bool on);

static PyObject *set_flag(RelayObject *self, PyObject *args, PyObject *kwargs, char *name, bool inverted, flag_setter set)
{
    char *names[] = {"stream", "side", name, NULL};
    struct relay *relay = relay_made(self);
    unsigned int stream;
    long side;
    int on;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ilp", names, &stream, &side, &on) ||
        !relay_in_range("side", side, 0, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = set(relay, stream, (int)side, on != inverted);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_set_mux(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    return set_flag(self, args, kwargs, "mux", false, relay_set_mux);
}

PyObject *relay_object_set_forward(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    return set_flag(self, args, kwargs, "forward", true, relay_set_blocked);
}

PyObject *relay_object_set_silenced(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    return set_flag(self, args, kwargs, "silenced", false, relay_set_silenced);
}

PyObject *relay_object_set_feedback(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    return set_flag(self, args, kwargs, "feedback", true, relay_set_without_feedback);
}

PyObject *relay_object_set_blocked_types(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "types", NULL};
    struct relay *relay = relay_made(self);
    unsigned int stream;
    long side, types;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ill", names, &stream, &side, &types) ||
        !relay_in_range("side", side, 0, 1) || !relay_in_range("types", types, 0, UINT32_MAX))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_blocked_types(relay, stream, (int)side, (uint32_t)types);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_set_dscp(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "dscp", NULL};
    struct relay *relay = relay_made(self);
    unsigned int stream;
    long side, dscp;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ill", names, &stream, &side, &dscp) ||
        !relay_in_range("side", side, 0, 1) || !relay_in_range("dscp", dscp, 0, 63))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_dscp(relay, stream, (int)side, (uint8_t)dscp);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_set_clock(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "payload_type", "clock_hz", NULL};
    struct relay *relay = relay_made(self);
    unsigned int stream;
    long payload_type, clock_hz;
    enum relay_error error;
    if (relay == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "Ill", names, &stream, &payload_type, &clock_hz) ||
        !relay_in_range("payload_type", payload_type, 128 - RELAY_DYNAMIC_TYPES, 127) ||
        !relay_in_range("clock_hz", clock_hz, 0, UINT16_MAX * RELAY_CLOCK_UNIT_HZ))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_clock(relay, stream, (uint8_t)payload_type, (uint32_t)clock_hz);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_last_packet_ns(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    uint32_t stream;
    uint64_t last_ns;
    enum relay_error error;
    if (relay == NULL || !relay_parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_last_packet(relay, stream, &last_ns);
    Py_END_ALLOW_THREADS
    return error != RELAY_OK ? relay_fail(error, stream) : PyLong_FromUnsignedLongLong(last_ns);
}

PyObject *relay_object_remove(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    uint32_t stream;
    enum relay_error error;
    if (relay == NULL || !relay_parse_stream(argument, &stream))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_remove(relay, stream);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_reap(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = relay_made(self);
    enum relay_error error;
    if (relay == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_reap(relay);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, 0);
}
