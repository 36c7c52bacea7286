/* Where a party's media is, and how far we trust what it says of that: from an m= line and flags to a place and a way to learn it. */
#include "relay_sdp_describe.h"

RELAY_WORD(address);
RELAY_WORD(reaches); /* a method of media.settings.Interface */

static bool is_six(PyObject *host) { return PyUnicode_FindChar(host, ':', 0, PyUnicode_GET_LENGTH(host), 1) >= 0; }

static PyObject *connection_of(const struct describer *by, const SectionObject *media)
{
    return media->connection != Py_None ? media->connection : by->description->session->connection;
}

/* 1, 0, or -1 with an exception set. */
static int truth_of(PyObject *said)
{
    int truth = said == NULL ? -1 : PyObject_IsTrue(said);
    Py_XDECREF(said);
    return truth;
}

/* The same: whether a party that is at ``host`` may mean itself by ``named``. */
static int can_be_at(const struct describer *by, PyObject *named, PyObject *host)
{
    return truth_of(PyObject_CallFunctionObjArgs(by->can_be_at, named, host, NULL));
}

/* The same: whether media may go to ``host`` from the interface. What is neither IPv6 nor loopback is settled by its family. */
static int reaches(const struct describer *by, PyObject *host)
{
    const char *text = PyUnicode_AsUTF8(host);
    if (text == NULL)
        return -1;
    if (!by->six && !is_six(host) && strncmp(text, "127.", 4) != 0)
        return 1;
    return truth_of(relay_call(&word_reaches, (PyObject *[]){by->interface, host}, 2));
}

/* Whether media comes from the SIP message's source: 1, 0, or -1 with an exception set.
 *
 * So it is when the proxy says so, and when the party signals an address that only means something at its own place. Told to trust the
 * party's address, we only doubt a private one that arrived from a public one, and loopback that arrived from elsewhere: that can't be right. A
 * source of another family than the body's says nothing about its media. */
static int is_of_source(const struct describer *by, const ConnectionObject *connection)
{
    if (PyUnicode_GET_LENGTH(by->source) == 0 || is_six(by->source) != (connection->family == 6))
        return 0;
    if (by->of_source)
        return 1;
    if (!connection->private_ || PyUnicode_Compare(connection->address, by->source) == 0)
        return 0;
    if (!by->trusted)
        return 1;
    int can_be = can_be_at(by, connection->host, by->source);
    return can_be < 0 ? -1 : !can_be;
}

/* RFC 3605; without a=rtcp the next port (RFC 3550 section 11). */
static long rtcp_port_of(const struct relay_sdp_section *s)
{
    if (s->rtcp_port != 0)
        return s->rtcp_port;
    return s->port < UINT16_MAX ? s->port + 1 : UINT16_MAX;
}

/* Borrowed; NULL with an exception set. */
static PyObject *rtcp_host_of(const struct describer *by, const SectionObject *media, PyObject *host)
{
    const ConnectionObject *rtcp = (const ConnectionObject *)media->rtcp_connection;
    if (media->rtcp_connection == Py_None || !rtcp->unicast || rtcp->host == Py_None || is_six(rtcp->host) != is_six(host) ||
        PyUnicode_Compare(rtcp->host, host) == 0)
        return host;
    int can_be = can_be_at(by, rtcp->host, host);
    return can_be < 0 ? NULL : can_be ? rtcp->host : host;
}

static PyObject *make_address(PyObject *host, long port)
{
    PyObject *number = PyLong_FromLong(port);
    PyObject *address = number == NULL ? NULL : PyTuple_Pack(2, host, number);
    Py_XDECREF(number);
    return address;
}

static PyObject *make_endpoint(const struct describer *by, const SectionObject *media, PyObject *host, PyObject *rtcp_host)
{
    PyObject *fields[] = {
        make_address(host, media->section->port), make_address(rtcp_host, rtcp_port_of(media->section)), Py_NewRef(by->mode),
        Py_NewRef(host), Py_NewRef(Py_False),
    };
    return relay_make_tuple((PyObject *)by->endpoint, fields, 5);
}

/* Of a party that wants nothing sent to it. */
static PyObject *make_held(const struct describer *by, const SectionObject *media)
{
    bool held = relay_sdp_is_held(&media->body->sdp.section[0], media->section);
    PyObject *fields[] = {Py_NewRef(Py_None), Py_NewRef(Py_None), Py_NewRef(by->mode), Py_NewRef(Py_None), PyBool_FromLong(held)};
    return relay_make_tuple((PyObject *)by->endpoint, fields, 5);
}

/* m=kind: what is wrong with it. */
static PyObject *refuse(const SectionObject *media, const char *form, PyObject *what, PyObject *more)
{
    PyObject *kind = relay_text_of(media->section->kind);
    PyObject *why = kind == NULL ? NULL : PyUnicode_FromFormat(form, what, more);
    PyObject *text = why == NULL ? NULL : PyUnicode_FromFormat("m=%U: %U", kind, why);
    Py_XDECREF(kind);
    Py_XDECREF(why);
    return text == NULL ? NULL : relay_sdp_raise(media->section->number, text);
}

static PyObject *unreachable(const struct describer *by, const SectionObject *media, PyObject *host)
{
    PyObject *address = relay_attribute(by->interface, &word_address);
    if (address != NULL)
        refuse(media, "%U can't be reached from %U", host, address);
    Py_XDECREF(address);
    return NULL;
}

static PyObject *make_reached(const struct describer *by, const SectionObject *media, PyObject *host, PyObject *rtcp_host)
{
    int reached = rtcp_host == NULL ? -1 : reaches(by, host);
    if (reached < 0)
        return NULL;
    return reached ? make_endpoint(by, media, host, rtcp_host) : unreachable(by, media, host);
}

PyObject *relay_sdp_locate(const struct describer *by, const SectionObject *media)
{
    PyObject *said = connection_of(by, media);
    if (media->section->port == 0 || said == Py_None)
        return Py_NewRef(by->nowhere);
    const ConnectionObject *connection = (const ConnectionObject *)said;
    int of_source = is_of_source(by, connection);
    if (of_source < 0)
        return NULL;
    if (connection->zero)
        return make_held(by, media);
    if (of_source)
        return make_reached(by, media, by->source, by->source);
    if (!connection->unicast || connection->host == Py_None)
        return refuse(media, "can't send to %U, not a numeric unicast address", connection->address, NULL);
    return make_reached(by, media, connection->host, rtcp_host_of(by, media, connection->host));
}
