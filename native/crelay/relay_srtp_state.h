/* What SRTP must not forget (RFC 3711 section 3.2): keys, packet indices and replay windows, as they stand in the stream table.
 *
 * A *way* is one direction of one side: what we receive from it, or what we send to it. Keys are control's, set while the
 * thread stands still; everything else is written by the thread. */
#ifndef RELAY_SRTP_STATE_H
#define RELAY_SRTP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define RELAY_KEY_BYTES 46 /* master key and master salt of the longest suite */
#define RELAY_SOURCES 8
#define RELAY_WINDOW 128 /* RFC 3711 section 3.3.2 wants at least 64 */
#define RELAY_RETIRED 127 /* sources that gave way to others */
#define RELAY_KEPT 6 /* keys set aside: with the one in use a key of each suite, and none */

enum relay_suite {
    RELAY_NO_SUITE,
    RELAY_AES_CM_128_HMAC_SHA1_80, /* RFC 4568 section 6.2 */
    RELAY_AES_CM_128_HMAC_SHA1_32,
    RELAY_AEAD_AES_128_GCM, /* RFC 7714 section 14.2 */
    RELAY_AEAD_AES_256_GCM,
    RELAY_AES_256_CM_HMAC_SHA1_80, /* RFC 6188 section 4 */
    RELAY_AES_256_CM_HMAC_SHA1_32,
    RELAY_SUITES,
};

enum relay_way { RELAY_RECEIVE, RELAY_SEND, RELAY_WAYS };

struct relay_key {
    uint8_t suite;
    uint8_t mki_bytes;             /* of the key identifier in each packet (RFC 3711 section 3.1), 0: none */
    uint8_t bytes[RELAY_KEY_BYTES]; /* master key, then master salt */
};

/* One SSRC: one line. Of the two windows bit 0 is the highest index, bit n the one n before it. */
struct relay_source {
    uint64_t index; /* highest packet index: rollover counter and sequence number */
    uint64_t window[2];
    uint64_t rtcp_window[2];
    uint32_t ssrc;
    uint32_t rtcp_index; /* highest */
    uint32_t used;       /* the way's turn when it was last used; 0: free */
    uint8_t has_rtp;     /* index and window are valid */
    uint8_t has_rtcp;
    uint8_t unused[10];
};

struct relay_way_state {
    struct relay_key key; /* control */
    uint32_t turn;
    uint32_t last;      /* source used last */
    uint32_t rtcp_next; /* of what we send, over all sources, so that no index is used twice */
    uint32_t number;    /* of the key, among those the way had; control */
    struct relay_source source[RELAY_SOURCES];
};

/* All of a stream; by side and way, and by component and side. */
struct relay_srtp_record {
    struct relay_way_state way[2][RELAY_WAYS];
    uint32_t auth_failed[2][2]; /* of what the side sent */
    uint32_t replayed[2][2];
    uint32_t checksum; /* control: over the keys */
    uint8_t kept[2][RELAY_WAYS]; /* control: whether that way has any of relay_srtp_kept */
    uint8_t unused[8];
    uint32_t keys[2][RELAY_WAYS]; /* control: that the way had, without the one in effect */
};

/* Ways as they stood when they got another key, or none, the last one first: under a key that comes back an index must not be used again
 * (RFC 3711 section 9.1). Written as keys are. */
struct relay_srtp_kept {
    struct relay_way_state way[2][RELAY_WAYS][RELAY_KEPT];
};

/* What is remembered of a source that gave way to another one. */
struct relay_retired_source {
    uint64_t index;
    uint32_t ssrc;
    uint32_t rtcp_index;
    uint32_t number; /* of the key */
    uint8_t has_rtp;
    uint8_t has_rtcp;
    uint8_t unused[2];
};

/* Of one way, whatever its key. */
struct relay_retired {
    uint32_t count;
    uint32_t turn; /* of what is received: which is forgotten next, when there is no place left */
    struct relay_retired_source source[RELAY_RETIRED];
};

struct relay_srtp_retired {
    struct relay_retired way[2][RELAY_WAYS];
};

_Static_assert(sizeof(struct relay_source) == 64, "a source is one cache line");
_Static_assert(sizeof(struct relay_way_state) == 576, "a way is its own cache lines");
_Static_assert(sizeof(struct relay_srtp_retired) % 64 == 0, "what follows is aligned");
_Static_assert(RELAY_KEPT + 1 == RELAY_SUITES, "all our keys of a line fit, and none");

#endif
