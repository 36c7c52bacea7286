/* Methods of native.relay.Relay about recordings. */
#include "relay_module.h"

PyObject *relay_object_begin_recording(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    uint32_t recording = 0;
    int fd;
    long long max_bytes;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "iL", &fd, &max_bytes))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_begin_recording(relay, fd, max_bytes < 0 ? 0 : (uint64_t)max_bytes, &recording);
    Py_END_ALLOW_THREADS
    if (error == RELAY_ERROR_FULL) {
        PyErr_Format(PyExc_MemoryError, "%d recordings at once are all there may be", RELAY_MOST_RECORDINGS);
        return NULL;
    }
    return error != RELAY_OK ? relay_fail(error, 0) : PyLong_FromUnsignedLong(recording);
}

PyObject *relay_object_end_recording(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    uint32_t recording;
    enum relay_error error;
    if (relay == NULL || !relay_parse_stream(argument, &recording))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_end_recording(relay, recording);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, 0);
}

PyObject *relay_object_recording_status(RelayObject *self, PyObject *argument)
{
    struct relay *relay = relay_made(self);
    struct relay_recording_status status;
    uint32_t recording;
    if (relay == NULL || !relay_parse_stream(argument, &recording))
        return NULL;
    enum relay_error error = relay_get_recording(relay, recording, &status);
    if (error != RELAY_OK)
        return relay_fail(error, 0);
    return PyObject_CallFunction(relay_recording_type, "iKKKi", (int)status.state, status.packets, status.bytes, status.dropped,
                                 status.error);
}

PyObject *relay_object_tape(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    unsigned int stream;
    PyObject *which;
    const char *hosts[RELAY_SIDES] = {NULL, NULL};
    struct relay_host shown[RELAY_SIDES] = {0};
    uint32_t recording = 0;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "IO|ss", &stream, &which, &hosts[0], &hosts[1]) ||
        (which != Py_None && !relay_parse_stream(which, &recording)))
        return NULL;
    for (int side = 0; side < RELAY_SIDES; side++) {
        union relay_address address;
        if (hosts[side] != NULL && !relay_parse_address(hosts[side], 0, &address))
            return NULL;
        if (hosts[side] != NULL)
            relay_address_host(&address, &shown[side]);
    }
    Py_BEGIN_ALLOW_THREADS
    error = relay_tape_stream(relay, stream, which == Py_None ? -1 : (int64_t)recording, shown);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}
