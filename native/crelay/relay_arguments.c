/* Arguments checked, errors raised. */
#include "relay_module.h"

PyObject *relay_fail(enum relay_error error, uint32_t stream)
{
    if (error == RELAY_ERROR_SYSTEM)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (error == RELAY_ERROR_MEMORY || error == RELAY_ERROR_FULL)
        PyErr_SetString(PyExc_MemoryError, relay_error_text(error));
    else if (error == RELAY_ERROR_STREAM)
        PyErr_Format(PyExc_KeyError, "no stream %u", stream);
    else if (error == RELAY_ERROR_OWNER || error == RELAY_ERROR_STOPPED || error == RELAY_ERROR_FORKED)
        PyErr_SetString(PyExc_RuntimeError, relay_error_text(error));
    else
        PyErr_SetString(PyExc_ValueError, relay_error_text(error));
    return NULL;
}

PyObject *relay_none_or_fail(enum relay_error error, uint32_t stream)
{
    if (error != RELAY_OK)
        return relay_fail(error, stream);
    Py_RETURN_NONE;
}

bool relay_in_range(const char *name, long value, long least, long most)
{
    if (value >= least && value <= most)
        return true;
    PyErr_Format(PyExc_ValueError, "%s must be %ld to %ld, not %ld", name, least, most, value);
    return false;
}

bool relay_parse_address(const char *host, long port, union relay_address *address)
{
    if (!relay_in_range("port", port, 0, UINT16_MAX))
        return false;
    if (relay_address_parse(host, (uint16_t)port, address))
        return true;
    PyErr_Format(PyExc_ValueError, "not an IP address: %s", host);
    return false;
}

struct relay *relay_made(RelayObject *self)
{
    if (self->relay == NULL)
        PyErr_SetString(PyExc_RuntimeError, "Relay.__init__ has not succeeded");
    return self->relay;
}

/* Interned: Python remembers what a name led to by its address. */
static PyObject *name_of(struct relay_word *word)
{
    if (word->str == NULL)
        word->str = PyUnicode_InternFromString(word->text);
    return word->str;
}

PyObject *relay_attribute(PyObject *object, struct relay_word *word)
{
    PyObject *name = name_of(word);
    return name == NULL ? NULL : PyObject_GetAttr(object, name);
}

PyObject *relay_call(struct relay_word *word, PyObject *const *args, size_t count)
{
    PyObject *name = name_of(word);
    return name == NULL ? NULL : PyObject_VectorcallMethod(name, args, count, NULL);
}
