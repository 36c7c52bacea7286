/* A session description cut into its lines (RFC 8866 section 9), and attributes into name and value. */
#include "relay_module.h"

#define QUOTED 40 /* characters of a bad line that its error shows */

static PyObject *fail(Py_ssize_t number, const char *what)
{
    PyObject *arguments = Py_BuildValue("(ns)", number, what);
    if (arguments != NULL)
        PyErr_SetObject(PyExc_ValueError, arguments);
    Py_XDECREF(arguments);
    return NULL;
}

static PyObject *fail_form(Py_ssize_t number, PyObject *body, Py_ssize_t start, Py_ssize_t end)
{
    PyObject *line = PyUnicode_Substring(body, start, end - start > QUOTED ? start + QUOTED : end);
    PyObject *what = line == NULL ? NULL : PyUnicode_FromFormat("%R is not of the form x=value", line);
    if (what != NULL)
        fail(number, PyUnicode_AsUTF8(what));
    Py_XDECREF(line);
    Py_XDECREF(what);
    return NULL;
}

static bool has(PyObject *body, Py_UCS4 character, Py_ssize_t start, Py_ssize_t end)
{
    return PyUnicode_FindChar(body, character, start, end, 1) >= 0;
}

/* ``start`` to ``end`` as (line, name, value): of a=name:value its parts, of others the name is the letter with its "=". */
static PyObject *make_line(PyObject *body, Py_ssize_t start, Py_ssize_t end)
{
    bool attribute = PyUnicode_READ_CHAR(body, start) == 'a';
    Py_ssize_t name = attribute ? start + 2 : start, value = attribute ? end : start + 2;
    Py_ssize_t colon = attribute ? PyUnicode_FindChar(body, ':', name, end, 1) : -1;
    Py_ssize_t name_end = attribute ? (colon >= 0 ? colon : end) : value;
    return Py_BuildValue("(NNN)", PyUnicode_Substring(body, start, end), PyUnicode_Substring(body, name, name_end),
                         PyUnicode_Substring(body, colon >= 0 ? colon + 1 : value, end));
}

static PyObject *read_line(PyObject *body, Py_ssize_t start, Py_ssize_t end, Py_ssize_t number)
{
    if (start == end)
        return fail(number, "empty line");
    Py_UCS4 letter = PyUnicode_READ_CHAR(body, start);
    if (end - start < 2 || letter < 'a' || letter > 'z' || PyUnicode_READ_CHAR(body, start + 1) != '=')
        return fail_form(number, body, start, end);
    if (has(body, '\r', start, end) || has(body, 0, start, end))
        return fail(number, "a CR or NUL within the line");
    return make_line(body, start, end);
}

/* Where the last line that is not empty ends. */
static Py_ssize_t end_of_text(PyObject *body)
{
    Py_ssize_t end = PyUnicode_GET_LENGTH(body);
    while (end > 0 && (PyUnicode_READ_CHAR(body, end - 1) == '\n' || PyUnicode_READ_CHAR(body, end - 1) == '\r'))
        end--;
    return end;
}

PyObject *relay_sdp_split(PyObject *Py_UNUSED(module), PyObject *body)
{
    if (!PyUnicode_Check(body))
        return PyErr_Format(PyExc_TypeError, "a str, not %s", Py_TYPE(body)->tp_name);
    Py_ssize_t size = end_of_text(body), next = 0;
    PyObject *lines = PyList_New(0);
    for (Py_ssize_t start = 0; lines != NULL && start < size; start = next + 1) {
        next = PyUnicode_FindChar(body, '\n', start, size, 1);
        next = next < 0 ? size : next;
        Py_ssize_t end = next > start && PyUnicode_READ_CHAR(body, next - 1) == '\r' && next < size ? next - 1 : next;
        PyObject *line = read_line(body, start, end, PyList_GET_SIZE(lines) + 1);
        if (line == NULL || PyList_Append(lines, line) < 0)
            Py_CLEAR(lines);
        Py_XDECREF(line);
    }
    return lines;
}
