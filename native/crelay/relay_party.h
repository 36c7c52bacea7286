/* What ng tells of a party. */
#ifndef RELAY_PARTY_H
#define RELAY_PARTY_H

#include "relay_counters.h"

/* Whose sockets of a line, and when it is asked. */
struct relay_party {
    const char *host;    /* of ours */
    const char *suite;   /* of SRTP that it speaks with us; empty: none */
    PyObject *rtp, *rtcp; /* where it said it is: (host, port) or None */
    long side, port;
    double unix_s;
    long long now_ns;
};

/* The sockets as a list. ``counts``: a list of StreamStats. False with an exception set. */
bool relay_party_streams(struct relay_bencode *out, const struct relay_party *party, PyObject *counts);

#endif
