/* What ng tells of the sockets of one party's port pairs, as bencode. */
#include "relay_party.h"

#include <string.h>

static const char *family_of(const char *host) { return strchr(host, ':') != NULL ? "4:IPv6" : "4:IPv4"; }

static bool put_text(struct relay_bencode *out, const char *bencode) { return relay_bencode_put(out, bencode, strlen(bencode)); }

static bool put_key_number(struct relay_bencode *out, const char *key, long long number)
{
    return put_text(out, key) && relay_bencode_number(out, number);
}

/* Negative with an exception set. */
static long long count(PyObject *stats, int field) { return PyLong_AsLongLong(PyTuple_GET_ITEM(stats, field)); }

static bool put_count(struct relay_bencode *out, const char *key, PyObject *stats, int field)
{
    return put_text(out, key) && relay_bencode_value(out, PyTuple_GET_ITEM(stats, field));
}

static bool put_sum(struct relay_bencode *out, const char *key, PyObject *stats, int one, int other)
{
    return put_key_number(out, key, count(stats, one) + count(stats, other)) && !PyErr_Occurred();
}

/* (host, port) or None as a dictionary, empty for None. */
static bool put_place(struct relay_bencode *out, PyObject *address)
{
    const char *host;
    PyObject *port;
    if (address == Py_None)
        return RELAY_BENCODE_PUT(out, "de");
    if (!PyTuple_Check(address)) {
        PyErr_SetString(PyExc_TypeError, "an address must be (host, port) or None");
        return false;
    }
    return PyArg_ParseTuple(address, "sO", &host, &port) && RELAY_BENCODE_PUT(out, "d6:family") &&
           put_text(out, family_of(host)) && RELAY_BENCODE_PUT(out, "7:address") &&
           relay_bencode_value(out, PyTuple_GET_ITEM(address, 0)) && RELAY_BENCODE_PUT(out, "4:port") &&
           relay_bencode_value(out, port) && RELAY_BENCODE_PUT(out, "e");
}

static bool put_flags(struct relay_bencode *out, PyObject *stats, PyObject *given, bool rtcp)
{
    return put_text(out, rtcp ? "5:flagsl4:RTCP" : "5:flagsl3:RTP") &&
           (given == Py_None || RELAY_BENCODE_PUT(out, "6:filled")) &&
           (PyTuple_GET_ITEM(stats, RELAY_STATS_LATCHED) != Py_True || RELAY_BENCODE_PUT(out, "9:confirmed")) &&
           RELAY_BENCODE_PUT(out, "e");
}

static bool put_heard(struct relay_bencode *out, PyObject *stats, const struct relay_party *party)
{
    long long last_ns = count(stats, RELAY_STATS_LAST_NS), ssrc = count(stats, RELAY_STATS_SSRC);
    if (PyErr_Occurred())
        return false;
    double last_s = party->unix_s - (double)(party->now_ns - last_ns) / 1e9;
    return (last_ns == 0 || put_key_number(out, "11:last packet", (long long)last_s)) &&
           (ssrc == 0 || put_key_number(out, "4:SSRC", ssrc));
}

/* ``sent``: the counters of the other party, of what this one is sent. */
static bool put_socket(struct relay_bencode *out, const struct relay_party *party, long port, PyObject *stats, PyObject *sent, bool rtcp)
{
    PyObject *given = rtcp ? party->rtcp : party->rtp;
    return put_key_number(out, "d10:local port", port) && RELAY_BENCODE_PUT(out, "13:local address") &&
           relay_bencode_string(out, party->host, strlen(party->host)) && RELAY_BENCODE_PUT(out, "6:family") &&
           put_text(out, family_of(party->host)) && RELAY_BENCODE_PUT(out, "8:endpoint") &&
           put_place(out, PyTuple_GET_ITEM(stats, RELAY_STATS_REMOTE)) && RELAY_BENCODE_PUT(out, "19:advertised endpoint") &&
           put_place(out, given) && put_flags(out, stats, given, rtcp) &&
           put_count(out, "5:statsd7:packets", stats, RELAY_STATS_PACKETS) &&
           put_count(out, "5:bytes", stats, RELAY_STATS_BYTES) &&
           put_sum(out, "6:errors", stats, RELAY_STATS_SEND_ERRORS, RELAY_STATS_MALFORMED) &&
           put_count(out, "e9:stats_outd7:packets", sent, RELAY_STATS_FORWARDED) &&
           put_count(out, "6:errors", sent, RELAY_STATS_SEND_ERRORS) &&
           put_count(out, "e9:strangers", stats, RELAY_STATS_STRANGERS) &&
           put_sum(out, "6:forged", stats, RELAY_STATS_AUTH_FAILED, RELAY_STATS_REPLAYED) && put_heard(out, stats, party) &&
           RELAY_BENCODE_PUT(out, "e");
}

static bool is_stats(PyObject *stats)
{
    if (PyObject_TypeCheck(stats, (PyTypeObject *)relay_stats_type))
        return true;
    PyErr_SetString(PyExc_TypeError, "counters must be ComponentStats");
    return false;
}

/* ``pair``: the counters of a stream, by side and component. */
static bool put_pair(struct relay_bencode *out, const struct relay_party *party, long port, PyObject *pair)
{
    PyObject *stats[RELAY_SIDES][RELAY_COMPONENTS];
    if (!PyTuple_Check(pair) || !PyArg_ParseTuple(pair, "(OO)(OO)", &stats[0][0], &stats[0][1], &stats[1][0], &stats[1][1])) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "counters must be ((RTP, RTCP), (RTP, RTCP))");
        return false;
    }
    for (int i = 0; i < RELAY_COMPONENTS; i++)
        if (!is_stats(stats[0][i]) || !is_stats(stats[1][i]) ||
            !put_socket(out, party, port + i, stats[party->side][i], stats[1 - party->side][i], i == RELAY_RTCP_COMPONENT))
            return false;
    return true;
}

bool relay_party_streams(struct relay_bencode *out, const struct relay_party *party, PyObject *pairs)
{
    bool done = RELAY_BENCODE_PUT(out, "l");
    for (Py_ssize_t i = 0; done && i < PyList_GET_SIZE(pairs); i++)
        done = put_pair(out, party, party->port + 2 * (long)i, PyList_GET_ITEM(pairs, i));
    return done && RELAY_BENCODE_PUT(out, "e");
}
