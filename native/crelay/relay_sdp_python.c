/* Text of session descriptions from and to Python, and what is wrong with them in words. */
#include "relay_sdp_python.h"
#include "relay_sdp_write.h"

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
    case RELAY_SDP_RTCP_PORT:
        return quoted(fault->what, QUOTED_WORD, "a=rtcp port %R is not a number from 0 to 65535");
    case RELAY_SDP_UNREACHABLE:
        return quoted(fault->what, PY_SSIZE_T_MAX, "m=%U has no c= line, neither its own nor at session level");
    case RELAY_SDP_FINE:
        break;
    }
    return PyUnicode_FromString("");
}

PyObject *relay_sdp_raise(size_t line, PyObject *what)
{
    PyObject *arguments = Py_BuildValue("(nN)", (Py_ssize_t)line, what);
    if (arguments != NULL)
        PyErr_SetObject(PyExc_ValueError, arguments);
    Py_XDECREF(arguments);
    return NULL;
}

PyObject *relay_sdp_raise_fault(const struct relay_sdp_fault *fault) { return relay_sdp_raise(fault->line, say(fault)); }

PyObject *relay_sdp_static_encodings(void)
{
    PyObject *encodings = PyDict_New();
    for (unsigned type = 0; encodings != NULL && type < 128; type++) {
        const char *encoding = relay_sdp_static_encoding(type);
        PyObject *number = encoding == NULL ? NULL : PyLong_FromUnsignedLong(type);
        PyObject *text = number == NULL ? NULL : PyUnicode_FromString(encoding);
        if (encoding != NULL && (text == NULL || PyDict_SetItem(encodings, number, text) < 0))
            Py_CLEAR(encodings);
        Py_XDECREF(number);
        Py_XDECREF(text);
    }
    return encodings;
}
