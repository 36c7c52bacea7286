/* An ng request in bencode taken apart without decoding it: what names its call, and all the rest as it was written. Proxies write the same
 * rest with every call, so who knows those bytes needs no more: the request is made at once, of Python's own class, without its constructor.
 * Only looks at the form; what has another one is decoded. */
#include "relay_bencode_walk.h"
#include "relay_module.h"

#include <string.h>

enum { CALL_ID, FROM_TAG, TO_TAG, VIA_BRANCH, SDP, RECEIVED_FROM, NAMES };

static const char *const names[NAMES] = {"call-id", "from-tag", "to-tag", "via-branch", "sdp", "received-from"};

static PyObject *attributes[NAMES + 1]; /* of a request; the last one has the options */

/* The last item of a list of strings. */
static bool read_last(struct relay_walk *in, struct relay_written *string)
{
    if (in->at >= in->end || *in->at++ != 'l')
        return false;
    while (!relay_at_end(in))
        if (!relay_read_string(in, string))
            return false;
    return in->at < in->end && *in->at++ == 'e';
}

static int name_of(const struct relay_written *key)
{
    int name = 0;
    while (name < NAMES && (strlen(names[name]) != (size_t)key->size || memcmp(names[name], key->start, (size_t)key->size) != 0))
        name++;
    return name;
}

/* ``rest`` has room for all of the input. Returns how much of it is used; -1: not of that form. */
static Py_ssize_t take_apart(struct relay_walk *in, struct relay_written found[NAMES], char *rest)
{
    Py_ssize_t used = 0;
    if (in->at >= in->end || *in->at++ != 'd')
        return -1;
    while (!relay_at_end(in)) {
        struct relay_written key;
        const char *start = in->at;
        if (!relay_read_string(in, &key))
            return -1;
        int name = name_of(&key);
        if (name < NAMES) {
            if (found[name].start != NULL || !(name == RECEIVED_FROM ? read_last : relay_read_string)(in, &found[name]))
                return -1;
        } else if (relay_skip_value(in, 1)) {
            memcpy(rest + used, start, (size_t)(in->at - start));
            used += in->at - start;
        } else {
            return -1;
        }
    }
    return in->at + 1 == in->end ? used : -1;
}

static PyObject *text_of(const struct relay_written *span)
{
    return PyUnicode_DecodeUTF8(span->start != NULL ? span->start : "", span->size, "surrogateescape");
}

/* The address is read by ``read_address``. */
static bool set_name(PyObject *request, int name, const struct relay_written *span, PyObject *read_address)
{
    PyObject *value = text_of(span);
    if (value != NULL && name == RECEIVED_FROM && span->size > 0)
        Py_SETREF(value, PyObject_CallOneArg(read_address, value));
    bool done = value != NULL && PyObject_SetAttr(request, attributes[name], value) == 0;
    Py_XDECREF(value);
    return done;
}

static PyObject *make_request(PyTypeObject *type, const struct relay_written found[NAMES], PyObject *options, PyObject *read_address)
{
    PyObject *request = type->tp_alloc(type, 0);
    for (int name = 0; request != NULL && name < NAMES; name++)
        if (!set_name(request, name, &found[name], read_address))
            Py_CLEAR(request);
    if (request != NULL && PyObject_SetAttr(request, attributes[NAMES], options) < 0)
        Py_CLEAR(request);
    return request;
}

bool relay_ng_init(void)
{
    static const char *const texts[NAMES + 1] = {"call_id", "from_tag", "to_tag", "via_branch", "sdp", "received_from", "options"};
    for (int i = 0; i <= NAMES; i++)
        if (attributes[i] == NULL && (attributes[i] = PyUnicode_InternFromString(texts[i])) == NULL)
            return false;
    return true;
}

/* What is not of a request's own, as it was written; None: it is not of that form. */
static PyObject *take_rest(const char *data, Py_ssize_t size, struct relay_written found[NAMES])
{
    struct relay_walk in = {data, data + size};
    while (in.end > in.at && (in.end[-1] == '\r' || in.end[-1] == '\n'))
        in.end--;
    PyObject *rest = PyBytes_FromStringAndSize(NULL, size);
    if (rest == NULL)
        return NULL;
    Py_ssize_t used = take_apart(&in, found, PyBytes_AS_STRING(rest));
    if (used < 0) {
        Py_DECREF(rest);
        Py_RETURN_NONE;
    }
    return _PyBytes_Resize(&rest, used) < 0 ? NULL : rest;
}

/* NULL without an exception: nothing is known of that rest. */
static PyObject *read_known(const struct relay_written found[NAMES], PyObject *rest, PyObject *known, PyTypeObject *type, PyObject *read_address)
{
    PyObject *options = Py_XNewRef(PyDict_GetItemWithError(known, rest)); /* ``read_address`` is Python's, and may forget it */
    PyObject *request = options == NULL ? NULL : make_request(type, found, options, read_address);
    Py_XDECREF(options);
    return request;
}

PyObject *relay_ng_known(const char *data, Py_ssize_t size, PyObject *known, PyTypeObject *type, PyObject *read_address)
{
    struct relay_written found[NAMES] = {0};
    PyObject *rest = take_rest(data, size, found);
    PyObject *request = rest == NULL || rest == Py_None ? NULL : read_known(found, rest, known, type, read_address);
    Py_XDECREF(rest);
    return request;
}

PyObject *relay_ng_options(PyObject *Py_UNUSED(module), PyObject *data)
{
    struct relay_written found[NAMES] = {0};
    if (!PyBytes_Check(data))
        return PyErr_Format(PyExc_TypeError, "data must be bytes, not %s", Py_TYPE(data)->tp_name);
    return take_rest(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), found);
}
