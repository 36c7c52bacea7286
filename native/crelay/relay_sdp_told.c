/* native.relay.sdp_as_offered and sdp_told: what an offer is before anything of it is changed, and what of our ports a party is told. */
#include "relay_description.h"
#include "relay_line.h"

enum { TOLD_PORT, TOLD_COUNT, TOLD_RTCP_PORT, TOLD_MUX, TOLD_PROTOCOL, TOLD_KEYS, TOLD_ICE, TOLD_FIELDS }; /* of a LocalLine */

enum { REMOVED, PROTOCOLS, MUXES, MIDS, LISTS };

static bool is_plain(const struct relay_sdp_section *s) { return !s->crypto && !relay_span_has(s->protocol, "SAVP"); }

static void put(PyObject *const *lists, Py_ssize_t i, const struct relay_sdp_section *s, const DescribedObject *described)
{
    PyList_SET_ITEM(lists[REMOVED], i, PyBool_FromLong(s->port == 0));
    PyList_SET_ITEM(lists[PROTOCOLS], i, Py_NewRef(described->protocol));
    PyList_SET_ITEM(lists[MUXES], i, PyBool_FromLong(described->mux));
    PyList_SET_ITEM(lists[MIDS], i, Py_NewRef(described->mid));
}

static bool are_described(PyObject *described, Py_ssize_t count)
{
    bool sound = PyList_GET_SIZE(described) == count;
    for (Py_ssize_t i = 0; sound && i < count; i++)
        sound = PyObject_TypeCheck(PyList_GET_ITEM(described, i), &relay_described_type);
    if (!sound)
        PyErr_SetString(PyExc_TypeError, "each line must be described");
    return sound;
}

PyObject *relay_sdp_as_offered(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *described, *lists[LISTS] = {NULL}, *all = NULL;
    if (!PyArg_ParseTuple(args, "OO!", &object, &PyList_Type, &described) || !relay_is_description(object))
        return NULL;
    const DescriptionObject *description = (DescriptionObject *)object;
    Py_ssize_t count = PyTuple_GET_SIZE(description->media);
    bool made = are_described(described, count), plain = true;
    for (int list = 0; made && list < LISTS; list++)
        made = (lists[list] = PyList_New(count)) != NULL;
    for (Py_ssize_t i = 0; made && i < count; i++) {
        const struct relay_sdp_section *s = relay_media_of(description, i)->section;
        put(lists, i, s, (DescribedObject *)PyList_GET_ITEM(described, i));
        plain &= is_plain(s);
    }
    if (made)
        all = PyTuple_Pack(LISTS + 1, lists[REMOVED], lists[PROTOCOLS], lists[MUXES], lists[MIDS], plain ? Py_True : Py_False);
    for (int list = 0; list < LISTS; list++)
        Py_XDECREF(lists[list]);
    return all;
}

/* What is asked of all lines. */
struct teller {
    PyTypeObject *type; /* of a LocalLine */
    int side;           /* who is told */
    int one_port;       /* RTCP that is multiplexed has no port of its own to fall back to */
    int no_rtcp;        /* no a=rtcp */
};

static PyObject *make_told(const struct teller *by, long port, Py_ssize_t count, long rtcp_port, bool mux, PyObject *protocol)
{
    PyObject *fields[TOLD_FIELDS] = {
        [TOLD_PORT] = PyLong_FromLong(port),  [TOLD_COUNT] = PyLong_FromSsize_t(count), [TOLD_RTCP_PORT] = PyLong_FromLong(rtcp_port),
        [TOLD_MUX] = PyBool_FromLong(mux), [TOLD_PROTOCOL] = Py_NewRef(protocol),    [TOLD_KEYS] = Py_NewRef(Py_None),
        [TOLD_ICE] = PyUnicode_FromStringAndSize(NULL, 0),
    };
    return relay_make_tuple((PyObject *)by->type, fields, TOLD_FIELDS);
}

static PyObject *tell(const struct teller *by, const struct relay_sdp_section *s, PyObject *line, PyObject *muxed, PyObject *protocol)
{
    PyObject *host;
    Py_ssize_t pairs;
    long port, rtcp_port = 0;
    if (s->port == 0)
        return make_told(by, 0, 1, 0, false, protocol);
    if (line == Py_None)
        return Py_NewRef(Py_None);
    if (!PyObject_TypeCheck(line, &relay_line_type))
        return PyErr_Format(PyExc_TypeError, "a line must be one, or None");
    if (!relay_line_ports((LineObject *)line, by->side, &host, &port, &pairs))
        return NULL;
    bool mux = muxed == Py_True;
    if (pairs == 1 && !by->no_rtcp && relay_span_has(s->protocol, "RTP/"))
        rtcp_port = mux && by->one_port ? port : port + 1;
    return make_told(by, port, pairs, rtcp_port, mux, protocol);
}

PyObject *relay_sdp_told(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *lines, *muxes, *protocols;
    struct teller by;
    if (!PyArg_ParseTuple(args, "O!OO!iO!pO!p", &PyType_Type, &by.type, &object, &PyList_Type, &lines, &by.side, &PyList_Type, &muxes, &by.one_port,
                          &PyList_Type, &protocols, &by.no_rtcp) ||
        !relay_in_range("side", by.side, 0, RELAY_SIDES - 1) || !relay_is_description(object))
        return NULL;
    const DescriptionObject *description = (DescriptionObject *)object;
    Py_ssize_t count = PyTuple_GET_SIZE(description->media);
    if (!PyType_IsSubtype(by.type, &PyTuple_Type) || PyList_GET_SIZE(lines) < count || PyList_GET_SIZE(muxes) < count ||
        PyList_GET_SIZE(protocols) < count)
        return PyErr_Format(PyExc_TypeError, "a class of tuples, and for each line a line, a bool and a protocol");
    PyObject *told = PyList_New(count);
    for (Py_ssize_t i = 0; told != NULL && i < count; i++) {
        PyObject *one = tell(&by, relay_media_of(description, i)->section, PyList_GET_ITEM(lines, i), PyList_GET_ITEM(muxes, i),
                             PyList_GET_ITEM(protocols, i));
        if (one == NULL)
            Py_CLEAR(told);
        else
            PyList_SET_ITEM(told, i, one);
    }
    return told;
}
