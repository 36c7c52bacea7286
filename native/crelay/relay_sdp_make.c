/* Session descriptions read into Python's objects. They are instances of Python's own classes, filled in without their constructors:
 * a media section has eighteen fields, and there is one for each party of every call. */
#include "relay_sdp_python.h"
#include "relay_sdp_write.h"

#define NAMES(NAME)                                                                                                              \
    NAME(body) NAME(number) NAME(end) NAME(connection) NAME(direction) NAME(fingerprint) NAME(crypto) NAME(held) NAME(kind) NAME(port) \
    NAME(count) NAME(protocol) NAME(formats) NAME(mux) NAME(mid) NAME(rtpmaps) NAME(rtcp_port) NAME(rtcp_connection)

#define NUMBER(name) at_##name,
#define TEXT(name) #name,
enum { NAMES(NUMBER) NAME_COUNT };

static PyObject *names[NAME_COUNT];

bool relay_sdp_init(void)
{
    static const char *const texts[NAME_COUNT] = {NAMES(TEXT)};
    for (int i = 0; i < NAME_COUNT; i++)
        if (names[i] == NULL && (names[i] = PyUnicode_InternFromString(texts[i])) == NULL)
            return false;
    return true;
}

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

/* What sections are made of and by. */
struct maker {
    PyTypeObject *section, *media, *origin;
    PyObject *read_connection; /* the value of a c= line as an object, or as a string what is wrong with it */
    PyObject *read_rtcp;       /* notes the value of an a=rtcp line in its section */
    PyObject *body;
};

/* Takes ``value``; NULL when making it failed. */
static bool set(PyObject *object, int name, PyObject *value)
{
    bool done = value != NULL && PyObject_SetAttr(object, names[name], value) == 0;
    Py_XDECREF(value);
    return done;
}

static bool set_number(PyObject *object, int name, size_t number) { return set(object, name, PyLong_FromSize_t(number)); }

static bool set_flag(PyObject *object, int name, bool flag) { return set(object, name, PyBool_FromLong(flag)); }

static bool set_text(PyObject *object, int name, struct relay_span span) { return set(object, name, relay_text_of(span)); }

/* Of words that come in every call one copy for all. */
static bool set_word(PyObject *object, int name, struct relay_span span)
{
    PyObject *text = relay_text_of(span);
    if (text != NULL)
        PyUnicode_InternInPlace(&text);
    return set(object, name, text);
}

static PyObject *connection_of(const struct maker *maker, const struct relay_sdp_section *s)
{
    if (s->connection.at == NULL)
        Py_RETURN_NONE;
    PyObject *text = relay_text_of(s->connection);
    PyObject *read = text == NULL ? NULL : PyObject_CallOneArg(maker->read_connection, text);
    Py_XDECREF(text);
    return read == NULL || !PyUnicode_Check(read) ? read : relay_sdp_raise(s->connection_line, read);
}

static bool fill_section(const struct maker *maker, PyObject *object, const struct relay_sdp_section *s)
{
    return set(object, at_body, Py_NewRef(maker->body)) && set_number(object, at_number, s->number) &&
           set_number(object, at_end, s->end) && set(object, at_connection, connection_of(maker, s)) &&
           set_word(object, at_direction, s->direction) && set_flag(object, at_fingerprint, s->fingerprint) &&
           set_flag(object, at_crypto, s->crypto);
}

static PyObject *rtpmaps_of(const struct relay_sdp_section *s)
{
    PyObject *values = PyList_New(0);
    struct relay_span rest = s->text, bare;
    struct relay_sdp_line line;
    while (values != NULL && relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        if (bare.at[0] != 'a' || !relay_span_is(line.name, "rtpmap"))
            continue;
        PyObject *value = relay_text_of(line.value);
        if (value == NULL || PyList_Append(values, value) < 0)
            Py_CLEAR(values);
        Py_XDECREF(value);
    }
    PyObject *tuple = values == NULL ? NULL : PyList_AsTuple(values);
    Py_XDECREF(values);
    return tuple;
}

static bool fill_rtcp(const struct maker *maker, PyObject *object, const struct relay_sdp_section *s)
{
    if (!set_number(object, at_rtcp_port, 0) || !set(object, at_rtcp_connection, Py_NewRef(Py_None)))
        return false;
    if (s->rtcp.at == NULL)
        return true;
    PyObject *done = PyObject_CallFunction(maker->read_rtcp, "ONn", object, relay_text_of(s->rtcp), (Py_ssize_t)s->rtcp_line);
    Py_XDECREF(done);
    return done != NULL;
}

static bool fill_media(const struct maker *maker, PyObject *object, const struct relay_sdp_section *s)
{
    return fill_section(maker, object, s) && set_word(object, at_kind, s->kind) && set_number(object, at_port, s->port) &&
           set_number(object, at_count, s->count) && set_word(object, at_protocol, s->protocol) &&
           set_text(object, at_formats, s->formats) && set_flag(object, at_mux, s->mux) && set_word(object, at_mid, s->mid) &&
           set(object, at_rtpmaps, rtpmaps_of(s)) && fill_rtcp(maker, object, s);
}

static PyObject *make_section(const struct maker *maker, const struct relay_sdp_section *s, bool media)
{
    PyTypeObject *type = media ? maker->media : maker->section;
    PyObject *object = type->tp_alloc(type, 0);
    if (object != NULL && !(media ? fill_media : fill_section)(maker, object, s))
        Py_CLEAR(object);
    return object;
}

/* RFC 8866 section 5.7: a c= line at session level or in every media description; we need none for port 0. */
static bool is_reachable(const struct relay_sdp *sdp, const struct relay_sdp_section *s)
{
    if (s->port == 0 || s->connection.at != NULL || sdp->section[0].connection.at != NULL)
        return true;
    PyObject *kind = relay_text_of(s->kind);
    if (kind != NULL)
        relay_sdp_raise(s->number, PyUnicode_FromFormat("m=%U has no c= line, neither its own nor at session level", kind));
    Py_XDECREF(kind);
    return false;
}

static PyObject *make_media(const struct maker *maker, const struct relay_sdp *sdp)
{
    PyObject *list = PyList_New((Py_ssize_t)sdp->sections - 1);
    for (size_t i = 1; list != NULL && i < sdp->sections; i++) {
        PyObject *media = make_section(maker, &sdp->section[i], true);
        if (media != NULL)
            PyList_SET_ITEM(list, (Py_ssize_t)i - 1, media);
        if (media == NULL || !set_flag(media, at_held, relay_sdp_is_held(&sdp->section[0], &sdp->section[i])) ||
            !is_reachable(sdp, &sdp->section[i]))
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *make_origin(const struct maker *maker, const struct relay_sdp *sdp)
{
    PyObject *fields[] = {
        relay_text_of(sdp->username),    relay_text_of(sdp->session_id), relay_text_of(sdp->version),
        PyLong_FromLong(sdp->family), relay_text_of(sdp->address),
    };
    return relay_make_tuple((PyObject *)maker->origin, fields, 5);
}

/* The session's section, the origin and a list of the others. */
static PyObject *make_all(const struct maker *maker, const struct relay_sdp *sdp)
{
    PyObject *session = make_section(maker, &sdp->section[0], false);
    PyObject *origin = session == NULL ? NULL : make_origin(maker, sdp);
    PyObject *media = origin == NULL ? NULL : make_media(maker, sdp);
    PyObject *all = media == NULL ? NULL : PyTuple_Pack(3, session, origin, media);
    Py_XDECREF(session);
    Py_XDECREF(origin);
    Py_XDECREF(media);
    return all;
}

PyObject *relay_sdp_read_body(PyObject *Py_UNUSED(module), PyObject *args)
{
    struct maker maker;
    struct relay_sdp sdp;
    PyObject *all = NULL;
    if (!PyArg_ParseTuple(args, "U(O!O!O!OO)", &maker.body, &PyType_Type, &maker.section, &PyType_Type, &maker.media, &PyType_Type,
                          &maker.origin, &maker.read_connection, &maker.read_rtcp))
        return NULL;
    if (!relay_is_plain_class(maker.section) || !relay_is_plain_class(maker.media) || !PyType_IsSubtype(maker.origin, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "sections must be of classes of fixed size, the origin a tuple");
    PyObject *kept = PyList_New(0);
    if (kept != NULL && relay_sdp_read_str(maker.body, kept, &sdp))
        all = make_all(&maker, &sdp);
    Py_XDECREF(kept);
    return all;
}
