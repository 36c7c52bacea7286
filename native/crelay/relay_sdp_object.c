/* Session descriptions of Python: split, and written from tuples. */
#include "relay_sdp_python.h"
#include "relay_sdp_write.h"

#include <stdlib.h>

#define QUOTED_LINE 40 /* characters that an error shows */
#define QUOTED_WORD 20

bool relay_span_of(PyObject *text, PyObject *kept, struct relay_span *span)
{
    Py_ssize_t size;
    span->at = PyUnicode_AsUTF8AndSize(text, &size);
    if (span->at == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
        bool is_kept = bytes != NULL && PyList_Append(kept, bytes) == 0;
        Py_XDECREF(bytes);
        if (!is_kept)
            return false;
        span->at = PyBytes_AS_STRING(bytes);
        size = PyBytes_GET_SIZE(bytes);
    }
    span->size = (size_t)size;
    return span->at != NULL;
}

PyObject *relay_text_of(struct relay_span span)
{
    return PyUnicode_DecodeUTF8(span.at != NULL ? span.at : "", (Py_ssize_t)span.size, "surrogateescape");
}

static PyObject *quoted(struct relay_span span, Py_ssize_t most, const char *form)
{
    PyObject *text = relay_text_of(span);
    PyObject *start = text == NULL ? NULL : PyUnicode_Substring(text, 0, most);
    PyObject *what = start == NULL ? NULL : PyUnicode_FromFormat(form, start);
    Py_XDECREF(text);
    Py_XDECREF(start);
    return what;
}

static PyObject *say(const struct relay_sdp_fault *fault)
{
    switch (fault->problem) {
    case RELAY_SDP_EMPTY:
        return PyUnicode_FromString("empty body");
    case RELAY_SDP_LONG:
        return PyUnicode_FromFormat("more than %d lines", RELAY_SDP_MAX_LINES);
    case RELAY_SDP_EMPTY_LINE:
        return PyUnicode_FromString("empty line");
    case RELAY_SDP_FORM:
        return quoted(fault->what, QUOTED_LINE, "%R is not of the form x=value");
    case RELAY_SDP_CONTROL:
        return PyUnicode_FromString("a CR or NUL within the line");
    case RELAY_SDP_VERSION:
        return quoted(fault->what, QUOTED_LINE, "v=0 expected, not %R");
    case RELAY_SDP_SECOND:
        return PyUnicode_FromString("a second session description, where offers and answers have one");
    case RELAY_SDP_MANY_MEDIA:
        return PyUnicode_FromFormat("more than %d m= lines", RELAY_SDP_MAX_MEDIA);
    case RELAY_SDP_NO_ORIGIN:
        return PyUnicode_FromString("no o= line");
    case RELAY_SDP_ORIGIN:
        return PyUnicode_FromString("o= wants user name, session id, version, net type, address type and address");
    case RELAY_SDP_NET_TYPE:
        return quoted(fault->what, QUOTED_WORD, "net type %R is not IN");
    case RELAY_SDP_ADDRESS_TYPE:
        return quoted(fault->what, QUOTED_WORD, "address type %R is neither IP4 nor IP6");
    case RELAY_SDP_MEDIA:
        return PyUnicode_FromString("m= wants media, port, protocol and at least one format");
    case RELAY_SDP_PORT:
        return quoted(fault->what, QUOTED_WORD, "m= port %R is not a number from 0 to 65535");
    case RELAY_SDP_COUNT:
        return quoted(fault->what, QUOTED_WORD, "port count %R is not a positive number");
    case RELAY_SDP_FINE:
        break;
    }
    return PyUnicode_FromString("");
}

/* Takes ``what``. */
PyObject *relay_sdp_raise(size_t line, PyObject *what)
{
    PyObject *arguments = Py_BuildValue("(nN)", (Py_ssize_t)line, what);
    if (arguments != NULL)
        PyErr_SetObject(PyExc_ValueError, arguments);
    Py_XDECREF(arguments);
    return NULL;
}

bool relay_sdp_read_str(PyObject *body, PyObject *kept, struct relay_sdp *sdp)
{
    struct relay_span bytes;
    if (kept == NULL || !relay_span_of(body, kept, &bytes))
        return false;
    struct relay_sdp_fault fault = relay_sdp_read(bytes, sdp);
    if (fault.problem != RELAY_SDP_FINE)
        relay_sdp_raise(fault.problem == RELAY_SDP_NO_ORIGIN ? 0 : fault.line, say(&fault));
    return fault.problem == RELAY_SDP_FINE;
}

static PyObject *make_line(const struct relay_sdp_line *line)
{
    return Py_BuildValue("(NNN)", relay_text_of(line->text), relay_text_of(line->name), relay_text_of(line->value));
}

PyObject *relay_sdp_split(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *body, *kept, *lines = NULL;
    Py_ssize_t first, end, number = 0;
    struct relay_span rest, bare;
    struct relay_sdp_line line;
    if (!PyArg_ParseTuple(args, "Unn", &body, &first, &end))
        return NULL;
    if ((kept = PyList_New(0)) != NULL && relay_span_of(body, kept, &rest))
        lines = PyList_New(0);
    while (lines != NULL && ++number < end && relay_sdp_next(&rest, &bare)) {
        if (number < first || relay_sdp_read_line(bare, &line) != RELAY_SDP_FINE)
            continue;
        PyObject *parts = make_line(&line);
        if (parts == NULL || PyList_Append(lines, parts) < 0)
            Py_CLEAR(lines);
        Py_XDECREF(parts);
    }
    Py_XDECREF(kept);
    return lines;
}

/* (port, count, port of RTCP, multiplexed, protocol, lines of keys or None); None: untouched. */
static bool read_local(PyObject *item, PyObject *kept, struct relay_sdp_local *local)
{
    PyObject *protocol, *keys;
    int mux;
    *local = (struct relay_sdp_local){.untouched = item == Py_None};
    if (local->untouched)
        return true;
    if (!PyTuple_Check(item) || !PyArg_ParseTuple(item, "IIIpUO", &local->port, &local->count, &local->rtcp_port, &mux,
                                                  &protocol, &keys)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "what is announced must be a tuple or None");
        return false;
    }
    local->mux = mux;
    local->rekeyed = keys != Py_None;
    return relay_span_of(protocol, kept, &local->protocol) && (!local->rekeyed || relay_span_of(keys, kept, &local->keys));
}

static bool read_locals(PyObject *items, PyObject *kept, const struct relay_sdp *sdp, struct relay_sdp_local *locals)
{
    if ((size_t)PyList_GET_SIZE(items) != sdp->sections - 1) {
        PyErr_Format(PyExc_ValueError, "%zd announced, the body has %zu m= lines", PyList_GET_SIZE(items), sdp->sections - 1);
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++)
        if (!read_local(PyList_GET_ITEM(items, i), kept, &locals[i]))
            return false;
    return true;
}

/* A list, or None. */
static bool read_mids(PyObject *mids, PyObject *kept, size_t count, struct relay_sdp_local *locals)
{
    if (mids == Py_None)
        return true;
    if (!PyList_Check(mids) || (size_t)PyList_GET_SIZE(mids) < count) {
        PyErr_Format(PyExc_TypeError, "a list of %zu mids, or None", count);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        locals[i].named = true;
        if (!relay_span_of(PyList_GET_ITEM(mids, (Py_ssize_t)i), kept, &locals[i].mid))
            return false;
    }
    return true;
}

static PyObject *write_body(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style)
{
    struct relay_text text = {0};
    struct relay_place_of_origin origin = {0};
    PyObject *parts = NULL;
    relay_sdp_write(sdp, locals, style, &text, &origin);
    if (text.failed)
        PyErr_NoMemory();
    else
        parts = Py_BuildValue("(NNN)", relay_text_of((struct relay_span){text.data, origin.start}),
                              relay_text_of((struct relay_span){text.data + origin.start, origin.end - origin.start}),
                              relay_text_of((struct relay_span){text.data + origin.end, text.size - origin.end}));
    free(text.data);
    return parts;
}

PyObject *relay_sdp_write_body(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *body, *items, *mids, *connection, *loop_mark, *inherited, *written = NULL;
    struct relay_sdp sdp;
    struct relay_sdp_local locals[RELAY_SDP_MAX_MEDIA];
    struct relay_sdp_style style = {0};
    int full_rtcp, replace_zero, keep_directions, strip_extmap;
    if (!PyArg_ParseTuple(args, "UO!OUippppUU", &body, &PyList_Type, &items, &mids, &connection, &style.family, &full_rtcp, &replace_zero,
                          &keep_directions, &strip_extmap, &loop_mark, &inherited))
        return NULL;
    style.full_rtcp = full_rtcp;
    style.replace_zero = replace_zero;
    style.keep_directions = keep_directions;
    style.strip_extmap = strip_extmap;
    PyObject *kept = PyList_New(0);
    if (relay_sdp_read_str(body, kept, &sdp) && read_locals(items, kept, &sdp, locals) &&
        read_mids(mids, kept, sdp.sections - 1, locals) && relay_span_of(connection, kept, &style.connection) &&
        relay_span_of(loop_mark, kept, &style.loop_mark) && relay_span_of(inherited, kept, &style.inherited))
        written = write_body(&sdp, locals, &style);
    Py_XDECREF(kept);
    return written;
}
