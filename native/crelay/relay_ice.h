/* The lite agent of a leg (RFC 8445): it answers checks and sends to whom they nominate. The thread's part. */
#ifndef RELAY_ICE_H
#define RELAY_ICE_H

#include "relay_packet.h"
#include "relay_stun.h"

enum relay_ice_outcome {
    RELAY_ICE_NOT,      /* a leg that speaks none: whatever looks like STUN is for others */
    RELAY_ICE_DROPPED,
    RELAY_ICE_ANSWERED,
};

struct relay_ice_answer {
    size_t size;
    bool moved; /* its party is somewhere else from now on */
    uint8_t data[RELAY_STUN_ANSWER];
};

/* What relay_stun_is says is STUN, on its way in. */
enum relay_ice_outcome relay_ice_take(struct relay_stream *stream, struct relay_ice_record *record, int component, int side,
                                      const struct relay_datagram *datagram, uint64_t now_ns, struct relay_ice_answer *answer);

/* Whether that address has passed a check of the party in effect. */
bool relay_ice_has_passed(const struct relay_ice_record *record, int component, int side, const union relay_address *source);

/* Puts the side's legs where it has nominated, after its credentials or the rules of its legs have changed. */
void relay_ice_settle(struct relay_stream *stream, struct relay_ice_record *record, int side);

/* A user name fragment as one word; never 0. */
uint32_t relay_ice_name(const uint8_t *fragment, size_t size);

#endif
