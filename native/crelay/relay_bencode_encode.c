/* Python objects to bencode. */
#include "relay_bencode.h"

#include <string.h>

static bool make_room(struct relay_bencode *out, size_t size)
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

bool relay_bencode_put(struct relay_bencode *out, const char *data, size_t size)
{
    if (out->room - out->used < size && !make_room(out, size))
        return false;
    memcpy(out->data + out->used, data, size);
    out->used += size;
    return true;
}

bool relay_bencode_string(struct relay_bencode *out, const char *data, size_t size)
{
    char digits[24], *at = digits + sizeof digits;
    size_t rest = size;
    *--at = ':';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    return relay_bencode_put(out, at, (size_t)(digits + sizeof digits - at)) && relay_bencode_put(out, data, size);
}

bool relay_bencode_number(struct relay_bencode *out, long long number)
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
    return relay_bencode_put(out, at, (size_t)(text + sizeof text - at));
}

/* Bytes that were no UTF-8 are lone surrogates by now, and become themselves again. */
static bool encode_str(struct relay_bencode *out, PyObject *value)
{
    if (PyUnicode_IS_COMPACT_ASCII(value))
        return relay_bencode_string(out, (const char *)PyUnicode_1BYTE_DATA(value), (size_t)PyUnicode_GET_LENGTH(value));
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
    bool done = bytes != NULL && relay_bencode_string(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_XDECREF(bytes);
    return done;
}

static bool encode_int(struct relay_bencode *out, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow)
        return relay_bencode_number(out, number);
    PyObject *digits = PyObject_CallMethod((PyObject *)&PyLong_Type, "__repr__", "O", value);
    Py_ssize_t size = 0;
    const char *data = digits == NULL ? NULL : PyUnicode_AsUTF8AndSize(digits, &size);
    bool done = data != NULL && relay_bencode_put(out, "i", 1) && relay_bencode_put(out, data, (size_t)size) &&
                relay_bencode_put(out, "e", 1);
    Py_XDECREF(digits);
    return done;
}

static bool encode_dict(struct relay_bencode *out, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    bool done = relay_bencode_put(out, "d", 1);
    while (done && PyDict_Next(dict, &at, &key, &value))
        done = relay_bencode_value(out, key) && relay_bencode_value(out, value);
    return done && relay_bencode_put(out, "e", 1);
}

static bool encode_items(struct relay_bencode *out, PyObject *items)
{
    bool done = relay_bencode_put(out, "l", 1);
    for (Py_ssize_t i = 0; done && i < PySequence_Fast_GET_SIZE(items); i++)
        done = relay_bencode_value(out, PySequence_Fast_GET_ITEM(items, i));
    return done && relay_bencode_put(out, "e", 1);
}

bool relay_bencode_value(struct relay_bencode *out, PyObject *value)
{
    bool done = false;
    if (PyUnicode_Check(value))
        return encode_str(out, value);
    if (PyLong_Check(value))
        return encode_int(out, value);
    if (PyBytes_Check(value)) /* is bencode already */
        return relay_bencode_put(out, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
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

void relay_bencode_begin(struct relay_bencode *out)
{
    out->data = out->here;
    out->used = 0;
    out->room = sizeof out->here;
}

PyObject *relay_bencode_end(struct relay_bencode *out, bool done)
{
    PyObject *bytes = done ? PyBytes_FromStringAndSize(out->data, (Py_ssize_t)out->used) : NULL;
    if (out->data != out->here)
        PyMem_Free(out->data);
    return bytes;
}

PyObject *relay_bencode_encode(PyObject *Py_UNUSED(module), PyObject *value)
{
    struct relay_bencode out;
    relay_bencode_begin(&out);
    return relay_bencode_end(&out, relay_bencode_value(&out, value));
}
