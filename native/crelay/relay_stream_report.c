/* What ng tells of the sockets of one party's port pairs, as bencode. */
#include "relay_party.h"

#include <string.h>

static const char *family_of(const char *host) { return strchr(host, ':') != NULL ? "4:IPv6" : "4:IPv4"; }

static bool put_text(struct relay_bencode *out, const char *bencode) { return relay_bencode_put(out, bencode, strlen(bencode)); }

static bool put_key_number(struct relay_bencode *out, const char *key, long long number)
{
    return put_text(out, key) && relay_bencode_number(out, number);
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

static bool put_remote(struct relay_bencode *out, const union relay_address *address)
{
    char host[RELAY_ADDRESS_TEXT];
    if (!relay_address_known(address))
        return RELAY_BENCODE_PUT(out, "de");
    uint16_t port = relay_address_format(address, host);
    return RELAY_BENCODE_PUT(out, "d6:family") && put_text(out, family_of(host)) && RELAY_BENCODE_PUT(out, "7:address") &&
           relay_bencode_string(out, host, strlen(host)) && put_key_number(out, "4:port", port) && RELAY_BENCODE_PUT(out, "e");
}

static bool put_flags(struct relay_bencode *out, const struct relay_stats *stats, PyObject *given, bool rtcp)
{
    return put_text(out, rtcp ? "5:flagsl4:RTCP" : "5:flagsl3:RTP") &&
           (given == Py_None || RELAY_BENCODE_PUT(out, "6:filled")) && (!stats->latched || RELAY_BENCODE_PUT(out, "9:confirmed")) &&
           RELAY_BENCODE_PUT(out, "e");
}

static bool put_suite(struct relay_bencode *out, const char *suite)
{
    return *suite == '\0' || (RELAY_BENCODE_PUT(out, "12:crypto suite") && relay_bencode_string(out, suite, strlen(suite)));
}

static bool put_heard(struct relay_bencode *out, const struct relay_stats *stats, const struct relay_party *party)
{
    double last_s = party->unix_s - (double)(party->now_ns - (long long)stats->last_ns) / 1e9;
    return (stats->last_ns == 0 || put_key_number(out, "11:last packet", (long long)last_s)) &&
           (stats->ssrc == 0 || put_key_number(out, "4:SSRC", stats->ssrc));
}

/* Of a side that speaks ICE. */
static bool put_checks(struct relay_bencode *out, const struct relay_stats *stats)
{
    return stats->checks + stats->checks_refused == 0 || (put_key_number(out, "6:checks", (long long)stats->checks) &&
                                                          put_key_number(out, "14:checks refused", (long long)stats->checks_refused));
}

/* ``sent``: the counters of the other party, of what this one is sent. */
static bool put_socket(struct relay_bencode *out, const struct relay_party *party, long port, const struct relay_stats *stats,
                       const struct relay_stats *sent, bool rtcp)
{
    PyObject *given = rtcp ? party->rtcp : party->rtp;
    return put_key_number(out, "d10:local port", port) && RELAY_BENCODE_PUT(out, "13:local address") &&
           relay_bencode_string(out, party->host, strlen(party->host)) && RELAY_BENCODE_PUT(out, "6:family") &&
           put_text(out, family_of(party->host)) && RELAY_BENCODE_PUT(out, "8:endpoint") && put_remote(out, &stats->remote) &&
           RELAY_BENCODE_PUT(out, "19:advertised endpoint") && put_place(out, given) && put_suite(out, party->suite) && put_flags(out, stats, given, rtcp) &&
           put_key_number(out, "5:statsd7:packets", (long long)stats->packets) && put_key_number(out, "5:bytes", (long long)stats->bytes) &&
           put_key_number(out, "6:errors", (long long)(stats->send_errors + stats->malformed)) &&
           put_key_number(out, "e9:stats_outd7:packets", (long long)sent->forwarded) &&
           put_key_number(out, "6:errors", (long long)sent->send_errors) &&
           put_key_number(out, "e9:strangers", (long long)stats->strangers) &&
           put_key_number(out, "6:forged", (long long)stats->auth_failed + stats->replayed) && put_checks(out, stats) && put_heard(out, stats, party) &&
           RELAY_BENCODE_PUT(out, "e");
}

bool relay_party_streams(struct relay_bencode *out, const struct relay_party *party, PyObject *counts)
{
    bool done = RELAY_BENCODE_PUT(out, "l");
    for (Py_ssize_t i = 0; done && i < PyList_GET_SIZE(counts); i++) {
        const StreamStatsObject *stats = (StreamStatsObject *)PyList_GET_ITEM(counts, i);
        for (int component = 0; done && component < RELAY_COMPONENTS; component++)
            done = put_socket(out, party, party->port + 2 * (long)i + component, &stats->of[party->side][component],
                              &stats->of[1 - party->side][component], component == RELAY_RTCP_COMPONENT);
    }
    return done && RELAY_BENCODE_PUT(out, "e");
}
