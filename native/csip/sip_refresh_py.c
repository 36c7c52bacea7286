/* native.sip.refreshed */
#include "sip_message_type.h"
#include "sip_refresh.h"

enum { SHORTEST_S, DEFAULT_S, MAX_S, MAX_CONTACT_CHARS, MAX_CALL_ID_CHARS, MAX_USER_AGENT_CHARS, LIMITS };

static int read_limits(PyObject *tuple, struct sip_refresh_limits *limits) {
    uint32_t numbers[LIMITS];
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != LIMITS) {
        PyErr_Format(PyExc_TypeError, "limits are %d numbers", LIMITS);
        return -1;
    }
    for (int i = 0; i < LIMITS; i++) {
        unsigned long number = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(tuple, i));
        if (PyErr_Occurred()) return -1;
        numbers[i] = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    }
    *limits = (struct sip_refresh_limits){numbers[SHORTEST_S], numbers[DEFAULT_S], numbers[MAX_S], numbers[MAX_CONTACT_CHARS],
                                          numbers[MAX_CALL_ID_CHARS], numbers[MAX_USER_AGENT_CHARS]};
    return 0;
}

/* `holder` is to be released when that went well. */
static int read_source(PyObject *remote, PyObject *listener, struct sip_source *source, PyObject **holder) {
    struct sip_py_view host;
    if (!PyTuple_Check(remote) || PyTuple_GET_SIZE(remote) != 2) {
        PyErr_SetString(PyExc_TypeError, "a source is host and port");
        return -1;
    }
    unsigned long port = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(remote, 1));
    if (PyErr_Occurred()) return -1;
    unsigned long index = PyLong_AsUnsignedLong(listener);
    if (PyErr_Occurred() || sip_py_view(PyTuple_GET_ITEM(remote, 0), &host) < 0) return -1;
    *source = (struct sip_source){host.text, (uint32_t)port, (uint32_t)index};
    *holder = host.holder;
    return 0;
}

/* Value of a Contact of the answer (RFC 3261 section 10.3 step 8). */
static PyObject *contact_value(const struct sip_binding *binding, double now) {
    struct sip_buffer out = {NULL, 0, 0, false};
    double left_s = binding->expires_at - now + 0.5;
    sip_add(&out, SIP_TEXT("<"));
    sip_add(&out, binding->contact);
    sip_add(&out, SIP_TEXT(">;expires="));
    sip_add_number(&out, left_s < 1 ? 1 : left_s < UINT32_MAX ? (uint32_t)left_s : UINT32_MAX);
    PyObject *value = out.failed ? PyErr_NoMemory() : sip_py_str((struct sip_slice){out.at, out.size});
    sip_buffer_free(&out);
    return value;
}

static PyObject *contact_values(const struct sip_record *record, double now) {
    PyObject *values = PyTuple_New((Py_ssize_t)record->count);
    for (size_t i = 0; values && i < record->count; i++) {
        PyObject *value = contact_value(&record->bindings[i], now);
        if (value)
            PyTuple_SET_ITEM(values, (Py_ssize_t)i, value);
        else
            Py_CLEAR(values);
    }
    return values;
}

static PyObject *record_of(const struct sip_record *record, size_t changed) {
    PyObject *written = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)sip_record_room(record, changed));
    if (written) _PyBytes_Resize(&written, (Py_ssize_t)sip_record_write(record, changed, PyBytes_AS_STRING(written)));
    return written;
}

static PyObject *pair_of(PyObject *record, PyObject *values) {
    PyObject *pair = record && values ? PyTuple_Pack(2, record, values) : NULL;
    Py_XDECREF(record);
    Py_XDECREF(values);
    return pair;
}

PyObject *sip_refreshed(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    enum { REQUEST, RECORD, REMOTE, LISTENER, NOW, LIMITS_OF, ARGUMENTS };
    struct sip_refresh_limits limits;
    struct sip_source source;
    struct sip_record record;
    size_t changed;
    PyObject *holder;
    (void)unused;
    if (count != ARGUMENTS || !Py_IS_TYPE(args[REQUEST], &sip_message_type) || !PyBytes_Check(args[RECORD]))
        return PyErr_Format(PyExc_TypeError, "request, record, source, listener, now and limits expected");
    double now = PyFloat_AsDouble(args[NOW]);
    if (PyErr_Occurred() || read_limits(args[LIMITS_OF], &limits) < 0) return NULL;
    if (read_source(args[REMOTE], args[LISTENER], &source, &holder) < 0) return NULL;
    const struct sip_message *request = &((MessageObject *)args[REQUEST])->core;
    struct sip_slice text = {PyBytes_AS_STRING(args[RECORD]), (size_t)PyBytes_GET_SIZE(args[RECORD])};
    PyObject *result = NULL;
    if (!sip_refresh(request, text, &source, &limits, now, &record, &changed))
        result = Py_NewRef(Py_None);
    else
        result = pair_of(record_of(&record, changed), contact_values(&record, now));
    Py_XDECREF(holder);
    return result;
}
