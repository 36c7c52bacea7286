/* native.relay.sdp_describe. */
#include "relay_sdp_describe.h"
#include "relay_sdp_ice.h"

RELAY_WORD(options);
RELAY_WORD(received_from);
RELAY_WORD(flags);
RELAY_WORD(mode);
RELAY_WORD(family);

#define MAX_KEY 2000 /* bytes of formats that are remembered */
#define MAX_KNOWN 1000

static PyObject *sip_source_address, *trust_address, *stream_kinds[2]; /* native.relay's RTP and OPAQUE */

bool relay_sdp_init(void)
{
    sip_source_address = PyUnicode_InternFromString("sip-source-address");
    trust_address = PyUnicode_InternFromString("trust-address");
    stream_kinds[0] = PyLong_FromLong(RELAY_RTP);
    stream_kinds[1] = PyLong_FromLong(RELAY_OPAQUE);
    return sip_source_address != NULL && trust_address != NULL && stream_kinds[0] != NULL && stream_kinds[1] != NULL;
}

/* What the relay makes of an m= line; None: it can't be relayed over UDP and is passed on untouched.
 *
 * SRTP keyed by SDES is RTP to us: headers are in the clear (RFC 3711 section 3.1). DTLS-SRTP shares its port with the handshake
 * (RFC 5764 section 5.1.2), so it goes as it is, and so does everything that is no RTP. */
static PyObject *stream_kind_of(const struct describer *by, const struct relay_sdp_section *s)
{
    if (s->protocol.size >= 3 && relay_span_has((struct relay_span){s->protocol.at, 3}, "TCP"))
        return Py_None;
    if (!relay_span_has(s->protocol, "RTP/") || relay_span_has(s->protocol, "TLS"))
        return stream_kinds[1];
    bool fingerprint = s->fingerprint || relay_sdp_of(by->description)->section[0].fingerprint;
    return stream_kinds[relay_span_has(s->protocol, "SAVP") && !s->crypto && fingerprint];
}

/* The formats and their a=rtpmap lines, each with a line's end; 0: they are too long to be remembered. */
static size_t write_key(const struct relay_sdp_section *s, char *key)
{
    struct relay_span rest = s->text, bare, value = s->formats;
    struct relay_sdp_line line;
    size_t size = 0;
    do {
        if (size + value.size + 1 > MAX_KEY)
            return 0;
        memcpy(key + size, value.at, value.size);
        size += value.size;
        key[size++] = '\n';
        bool found = false;
        while (!found && relay_sdp_next(&rest, &bare))
            found = bare.at[0] == 'a' && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE && relay_span_is(line.name, "rtpmap");
        if (!found)
            return size;
        value = line.value;
    } while (true);
}

/* Devices of one kind send the same lines with every call. */
static PyObject *rtp_map_of(const struct describer *by, const SectionObject *media)
{
    char text[MAX_KEY];
    size_t size = write_key(media->section, text);
    if (size == 0)
        return PyObject_CallOneArg(by->rtp_map, (PyObject *)media);
    PyObject *key = PyBytes_FromStringAndSize(text, (Py_ssize_t)size);
    PyObject *map = key == NULL ? NULL : Py_XNewRef(PyDict_GetItemWithError(by->known, key));
    if (map == NULL && key != NULL && !PyErr_Occurred() && (map = PyObject_CallOneArg(by->rtp_map, (PyObject *)media)) != NULL) {
        if (PyDict_GET_SIZE(by->known) >= MAX_KNOWN)
            PyDict_Clear(by->known);
        if (PyDict_SetItem(by->known, key, map) < 0)
            Py_CLEAR(map);
    }
    Py_XDECREF(key);
    return map;
}

/* Of words that come in every call one copy for all. */
static PyObject *word_of(struct relay_span span)
{
    PyObject *text = relay_text_of(span);
    if (text != NULL)
        PyUnicode_InternInPlace(&text);
    return text;
}

static struct relay_span direction_of(const struct describer *by, const struct relay_sdp_section *s)
{
    const struct relay_sdp_section *session = &relay_sdp_of(by->description)->section[0];
    if (s->direction.size > 0 || session->direction.size > 0)
        return s->direction.size > 0 ? s->direction : session->direction;
    return (struct relay_span){"sendrecv", 8};
}

/* (ufrag, password, lite, mismatch), or None. */
static PyObject *ice_of(const struct describer *by, const struct relay_sdp_section *s)
{
    struct relay_sdp_ice ice;
    if (!relay_sdp_read_ice(relay_sdp_of(by->description), s, &ice))
        Py_RETURN_NONE;
    return Py_BuildValue("(NNNN)", relay_text_of(ice.ufrag), relay_text_of(ice.password), PyBool_FromLong(ice.lite), PyBool_FromLong(ice.mismatch));
}

static PyObject *describe(const struct describer *by, const SectionObject *media)
{
    const struct relay_sdp_section *s = media->section;
    DescribedObject *described = (DescribedObject *)by->described->tp_alloc(by->described, 0);
    if (described == NULL)
        return NULL;
    described->stream_kind = Py_NewRef(stream_kind_of(by, s));
    described->endpoint = described->stream_kind == Py_None ? Py_NewRef(by->nowhere) : relay_sdp_locate(by, media);
    if (described->endpoint == NULL) {
        Py_DECREF(described);
        return NULL;
    }
    described->kind = word_of(s->kind);
    described->protocol = word_of(s->protocol);
    described->direction = word_of(direction_of(by, s));
    described->mid = word_of(s->mid);
    described->rtp_map = rtp_map_of(by, media);
    described->mux = s->mux;
    described->ice = ice_of(by, s);
    if (described->kind == NULL || described->protocol == NULL || described->direction == NULL || described->mid == NULL ||
        described->rtp_map == NULL || described->ice == NULL)
        Py_CLEAR(described);
    return (PyObject *)described;
}

/* What of the request concerns it; the objects are held by ``owned``, for request and options may be anybody's. */
static bool read_request(PyObject *request, PyObject *interface, struct describer *by, PyObject *owned[4])
{
    PyObject *options = owned[0] = relay_attribute(request, &word_options);
    by->source = owned[1] = options == NULL ? NULL : relay_attribute(request, &word_received_from);
    by->mode = owned[2] = by->source == NULL ? NULL : relay_attribute(options, &word_mode);
    PyObject *flags = owned[3] = by->mode == NULL ? NULL : relay_attribute(options, &word_flags);
    PyObject *family = flags == NULL ? NULL : relay_attribute(interface, &word_family);
    if (family != NULL && !(PyUnicode_Check(by->source) && PyAnySet_Check(flags) && PyLong_Check(family)))
        PyErr_SetString(PyExc_TypeError, "a source must be a str, flags a set, a family a number");
    if (family != NULL && !PyErr_Occurred()) {
        by->of_source = PySet_Contains(flags, sip_source_address) > 0;
        by->trusted = PySet_Contains(flags, trust_address) > 0;
        by->six = PyLong_AsLong(family) == 6;
        by->interface = interface;
    }
    Py_XDECREF(family);
    return family != NULL && !PyErr_Occurred();
}

static PyObject *describe_all(const struct describer *by)
{
    Py_ssize_t count = PyTuple_GET_SIZE(by->description->media);
    PyObject *all = PyList_New(count);
    for (Py_ssize_t i = 0; all != NULL && i < count; i++) {
        PyObject *described = describe(by, relay_media_of(by->description, i));
        if (described == NULL)
            Py_CLEAR(all);
        else
            PyList_SET_ITEM(all, i, described);
    }
    return all;
}

PyObject *relay_sdp_describe(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *description, *request, *interface, *owned[4], *all = NULL;
    struct describer by = {0};
    if (!PyArg_ParseTuple(args, "OOO(O!O!OO!OO)", &description, &request, &interface, &PyType_Type, &by.described, &PyType_Type, &by.endpoint,
                          &by.nowhere, &PyDict_Type, &by.known, &by.rtp_map, &by.can_be_at) ||
        !relay_is_description(description))
        return NULL;
    if (!PyType_IsSubtype(by.described, &relay_described_type) || !PyType_IsSubtype(by.endpoint, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "what is described must be of a class of DescribedBase, an endpoint a tuple");
    by.description = (DescriptionObject *)description;
    if (read_request(request, interface, &by, owned))
        all = describe_all(&by);
    for (int i = 0; i < 4; i++)
        Py_XDECREF(owned[i]);
    return all;
}
