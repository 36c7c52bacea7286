/* Python objects to bencode. */
#include "relay_module.h"

#include <string.h>

#define FIRST_BYTES 512

/* What is written so far; ``here`` until it does not fit. */
struct output {
    char *data;
    size_t used, room;
    char here[FIRST_BYTES];
};

static bool encode(struct output *out, PyObject *value);

static bool make_room(struct output *out, size_t size)
{
    size_t room = out->room;
    while (room - out->used < size)
        room *= 2;
    char *data = out->data == out->here ? PyMem_Malloc(room) : PyMem_Realloc(out->data, room);
    if (data == NULL) {
        PyErr_NoMemory();
        return false;
    }
    if (out->data == out->here)
        memcpy(data, out->here, out->used);
    out->data = data;
    out->room = room;
    return true;
}

static bool put(struct output *out, const char *data, size_t size)
{
    if (out->room - out->used < size && !make_room(out, size))
        return false;
    memcpy(out->data + out->used, data, size);
    out->used += size;
    return true;
}

static bool put_string(struct output *out, const char *data, size_t size)
{
    char digits[24], *at = digits + sizeof digits;
    size_t rest = size;
    *--at = ':';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    return put(out, at, (size_t)(digits + sizeof digits - at)) && put(out, data, size);
}

static bool put_number(struct output *out, long long number)
{
    char text[24], *at = text + sizeof text;
    unsigned long long rest = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    *--at = 'e';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        *--at = '-';
    *--at = 'i';
    return put(out, at, (size_t)(text + sizeof text - at));
}

/* Bytes that were no UTF-8 are lone surrogates by now, and become themselves again. */
static bool encode_str(struct output *out, PyObject *value)
{
    if (PyUnicode_IS_COMPACT_ASCII(value))
        return put_string(out, (const char *)PyUnicode_1BYTE_DATA(value), (size_t)PyUnicode_GET_LENGTH(value));
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
    bool done = bytes != NULL && put_string(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_XDECREF(bytes);
    return done;
}

static bool encode_int(struct output *out, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow)
        return put_number(out, number);
    PyObject *digits = PyObject_CallMethod((PyObject *)&PyLong_Type, "__repr__", "O", value);
    Py_ssize_t size = 0;
    const char *data = digits == NULL ? NULL : PyUnicode_AsUTF8AndSize(digits, &size);
    bool done = data != NULL && put(out, "i", 1) && put(out, data, (size_t)size) && put(out, "e", 1);
    Py_XDECREF(digits);
    return done;
}

static bool encode_dict(struct output *out, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    bool done = put(out, "d", 1);
    while (done && PyDict_Next(dict, &at, &key, &value))
        done = encode(out, key) && encode(out, value);
    return done && put(out, "e", 1);
}

static bool encode_items(struct output *out, PyObject *items)
{
    bool done = put(out, "l", 1);
    for (Py_ssize_t i = 0; done && i < PySequence_Fast_GET_SIZE(items); i++)
        done = encode(out, PySequence_Fast_GET_ITEM(items, i));
    return done && put(out, "e", 1);
}

static bool encode(struct output *out, PyObject *value)
{
    bool done = false;
    if (PyUnicode_Check(value))
        return encode_str(out, value);
    if (PyLong_Check(value))
        return encode_int(out, value);
    if (!PyDict_Check(value) && !PyList_Check(value) && !PyTuple_Check(value)) {
        PyErr_Format(PyExc_TypeError, "bencode has no %s", Py_TYPE(value)->tp_name);
        return false;
    }
    if (Py_EnterRecursiveCall(" in bencode"))
        return false;
    done = PyDict_Check(value) ? encode_dict(out, value) : encode_items(out, value);
    Py_LeaveRecursiveCall();
    return done;
}

PyObject *relay_bencode_encode(PyObject *Py_UNUSED(module), PyObject *value)
{
    struct output out = {.room = FIRST_BYTES};
    out.data = out.here;
    PyObject *bytes = encode(&out, value) ? PyBytes_FromStringAndSize(out.data, (Py_ssize_t)out.used) : NULL;
    if (out.data != out.here)
        PyMem_Free(out.data);
    return bytes;
}
