/* Bencode to Python objects. */
#include "relay_module.h"

#include <string.h>

#define MAX_INT_DIGITS 20
#define MAX_LENGTH_DIGITS 7

/* What is left to read. */
struct input {
    const char *data;
    Py_ssize_t at, size;
    long max_depth;
};

static PyObject *decode_value(struct input *in, long depth);

static PyObject *fail(Py_ssize_t at, const char *what)
{
    return PyErr_Format(PyExc_ValueError, "at byte %zd: %s", at, what);
}

static PyObject *fail_unexpected(const struct input *in)
{
    if (in->at >= in->size)
        return fail(in->at, "end of data");
    PyObject *byte = PyBytes_FromStringAndSize(in->data + in->at, 1);
    if (byte != NULL)
        PyErr_Format(PyExc_ValueError, "at byte %zd: unexpected %R", in->at, byte);
    Py_XDECREF(byte);
    return NULL;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char mark(const struct input *in) { return in->at < in->size ? in->data[in->at] : 0; }

static PyObject *decode_int(struct input *in)
{
    char text[MAX_INT_DIGITS + 3];
    Py_ssize_t start = in->at + 1, at = start, length = 0;
    bool minus = start < in->size && in->data[start] == '-';
    at += minus;
    while (at < in->size && is_digit(in->data[at]) && at - start < MAX_INT_DIGITS + minus)
        at++;
    length = at - start;
    bool zero_first = length > minus && in->data[start + minus] == '0' && length > 1;
    if (at >= in->size || in->data[at] != 'e' || length == minus || zero_first)
        return fail(in->at, "not an integer");
    memcpy(text, in->data + start, (size_t)length);
    text[length] = 0;
    in->at = at + 1;
    return PyLong_FromString(text, NULL, 10);
}

static PyObject *decode_string(struct input *in)
{
    Py_ssize_t length = 0, at = in->at;
    while (at < in->size && at - in->at < MAX_LENGTH_DIGITS && is_digit(in->data[at]))
        length = length * 10 + (in->data[at++] - '0');
    if (at >= in->size || in->data[at] != ':')
        return fail(in->at, "not a string length");
    at++;
    if (length > in->size - at)
        return PyErr_Format(PyExc_ValueError, "at byte %zd: a string of %zd bytes, but %zd are left", in->at, length,
                            in->size - at);
    in->at = at + length;
    return PyUnicode_DecodeUTF8(in->data + at, length, "surrogateescape");
}

static PyObject *decode_list(struct input *in, long depth)
{
    PyObject *list = PyList_New(0);
    while (list != NULL && mark(in) != 'e') {
        PyObject *item = decode_value(in, depth);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    in->at++;
    return list;
}

static PyObject *decode_key(struct input *in)
{
    if (is_digit(mark(in)))
        return decode_string(in);
    return mark(in) == 0 ? fail_unexpected(in) : fail(in->at, "a dictionary key must be a string");
}

static bool decode_pair(struct input *in, long depth, PyObject *dict)
{
    PyObject *value = NULL, *key = decode_key(in);
    if (key != NULL && mark(in) == 'e')
        fail(in->at, "a dictionary key without a value");
    else if (key != NULL)
        value = decode_value(in, depth);
    bool added = value != NULL && PyDict_SetItem(dict, key, value) == 0;
    Py_XDECREF(key);
    Py_XDECREF(value);
    return added;
}

static PyObject *decode_dict(struct input *in, long depth)
{
    PyObject *dict = PyDict_New();
    while (dict != NULL && mark(in) != 'e')
        if (!decode_pair(in, depth, dict))
            Py_CLEAR(dict);
    in->at++;
    return dict;
}

static PyObject *decode_value(struct input *in, long depth)
{
    char kind = mark(in);
    if (is_digit(kind))
        return decode_string(in);
    if (kind == 'i')
        return decode_int(in);
    if (kind != 'l' && kind != 'd')
        return fail_unexpected(in);
    if (depth >= in->max_depth)
        return PyErr_Format(PyExc_ValueError, "at byte %zd: nested deeper than %ld", in->at, in->max_depth);
    in->at++;
    return kind == 'l' ? decode_list(in, depth + 1) : decode_dict(in, depth + 1);
}

PyObject *relay_bencode_decode(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct input in = {0};
    PyObject *bytes;
    if (!PyArg_ParseTuple(args, "Sl", &bytes, &in.max_depth))
        return NULL;
    in.data = PyBytes_AS_STRING(bytes);
    in.size = PyBytes_GET_SIZE(bytes);
    PyObject *value = decode_value(&in, 0);
    if (value != NULL && in.at != in.size) {
        Py_DECREF(value);
        return fail(in.at, "data after the end");
    }
    return value;
}
