/* What an ICE lite agent must not forget (RFC 8445), as it stands in the stream table: credentials, and who has passed a check. Credentials are
 * control's, set while the thread stands still; all else is written by the thread. */
#ifndef RELAY_ICE_STATE_H
#define RELAY_ICE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "relay_address.h"

#define RELAY_ICE_UFRAG 32 /* bytes of ours, and of our password; RFC 8839 section 5.4 wants 4 and 22 at least */
#define RELAY_ICE_PASSWORD 32
#define RELAY_ICE_PAIRS 8 /* addresses that passed a check, a component */
#define RELAY_ICE_CHECKS 32 /* transactions that are remembered */

/* A party, as our side of it. */
struct relay_ice_side {
    char ufrag[RELAY_ICE_UFRAG];
    char password[RELAY_ICE_PASSWORD];
    uint8_t ufrag_bytes; /* 0: it speaks no ICE with us */
    uint8_t password_bytes;
    uint8_t generation; /* one more with each restart (RFC 8445 section 9) */
    uint8_t unused;
    uint32_t peer;     /* relay_ice_name of its user name fragment; 0: nobody has answered yet */
    uint32_t checksum; /* control */
};

/* An address that passed a check. */
struct relay_ice_pair {
    union relay_address address; /* family 0: none */
    uint32_t priority;
    uint32_t checked; /* when, in RELAY_PAST_SHIFT of CLOCK_MONOTONIC */
    uint32_t peer;    /* by whose fragment */
    uint8_t generation;
    uint8_t nominated;
    uint8_t unused[2];
};

/* A check that was answered. One of the same transaction from elsewhere is a replay. */
struct relay_ice_check {
    uint8_t transaction[12];
    uint32_t source; /* checksum of its address */
};

struct relay_ice_leg {
    uint64_t answered;
    uint64_t refused;
    uint32_t sequence; /* odd: cut off while pairs were written */
    uint32_t checks;   /* so far */
    uint32_t second;   /* the last one in which errors were sent, and how many */
    uint32_t errors;
    struct relay_ice_pair pair[RELAY_ICE_PAIRS];
    struct relay_ice_check check[RELAY_ICE_CHECKS];
};

/* All of a stream; by side, and by component and side. */
struct relay_ice_record {
    struct relay_ice_side side[2];
    struct relay_ice_leg leg[2][2];
    uint8_t unused[40];
};

_Static_assert(sizeof(struct relay_ice_record) % 64 == 0, "what follows is aligned");

#endif
