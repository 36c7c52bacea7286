/* Methods of native.relay.Relay about DTLS. */
#include "relay_module.h"

#define MOST_LETTERS 256 /* at once */

PyObject *relay_object_set_dtls(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    unsigned int stream;
    long side;
    int on;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "Ilp", &stream, &side, &on) || !relay_in_range("side", side, 0, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_dtls(relay, stream, (int)side, on);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

static PyObject *make_letter(const struct relay_letter *letter)
{
    char host[RELAY_ADDRESS_TEXT];
    int port = relay_address_format(&letter->from, host);
    return Py_BuildValue("(Ii(si)y#)", letter->leg >> 2, (int)(letter->leg & 1), host, port, (const char *)letter->data,
                         (Py_ssize_t)letter->size);
}

PyObject *relay_object_inbox(RelayObject *self, PyObject *Py_UNUSED(unused))
{
    struct relay *relay = relay_made(self);
    struct relay_letter letter;
    PyObject *list = relay == NULL ? NULL : PyList_New(0);
    if (list == NULL)
        return NULL;
    relay_inbox_seen(relay);
    for (int count = 0; list != NULL && count < MOST_LETTERS && relay_inbox_next(relay, &letter); count++) {
        PyObject *made = make_letter(&letter);
        if (made == NULL || PyList_Append(list, made) < 0)
            Py_CLEAR(list);
        Py_XDECREF(made);
    }
    return list;
}

/* (host, port), or None where that is allowed: ``known`` stays false. */
static bool parse_place(PyObject *place, union relay_address *address, bool *known)
{
    const char *host;
    long port;
    *known = place != Py_None;
    if (!*known)
        return true;
    if (!PyTuple_Check(place)) {
        PyErr_SetString(PyExc_TypeError, "an address is (host, port)");
        return false;
    }
    return PyArg_ParseTuple(place, "sl", &host, &port) && relay_parse_address(host, port, address);
}

PyObject *relay_object_send(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    union relay_address to;
    unsigned int stream;
    long side;
    PyObject *place;
    Py_buffer data;
    bool known, sent = false;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "IlOy*", &stream, &side, &place, &data))
        return NULL;
    if (!relay_in_range("side", side, 0, 1) || !parse_place(place, &to, &known)) {
        PyBuffer_Release(&data);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    error = relay_send(relay, stream, (int)side, known ? &to : NULL, data.buf, (size_t)data.len, &sent);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return error != RELAY_OK ? relay_fail(error, stream) : PyBool_FromLong(sent);
}

PyObject *relay_object_latch(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    union relay_address source;
    unsigned int stream;
    long side;
    PyObject *place;
    bool known;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "IlO!", &stream, &side, &PyTuple_Type, &place) ||
        !relay_in_range("side", side, 0, 1) || !parse_place(place, &source, &known))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_latch_at(relay, stream, (int)side, &source);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_inbox_fd(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromLong(relay_inbox_fd(self->relay)) : NULL;
}

PyObject *relay_object_inbox_dropped(RelayObject *self, void *Py_UNUSED(unused))
{
    return relay_made(self) ? PyLong_FromUnsignedLongLong(relay_inbox_dropped(self->relay)) : NULL;
}
