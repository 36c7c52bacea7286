/* The body that goes on: a received one with our addresses and ports. What a relay doesn't know stays byte for byte, in its order; what it
 * knows stands in each section where rtpengine has it, so that whoever compares bodies may put one for the other. */
#ifndef RELAY_SDP_WRITE_H
#define RELAY_SDP_WRITE_H

#include "relay_text.h"

/* What we announce for one m= line. */
struct relay_sdp_local {
    bool untouched; /* the section passes as it is, with the address it inherited */
    unsigned port, count; /* port 0: rejected or removed */
    unsigned rtcp_port;   /* 0: no a=rtcp */
    bool mux;
    struct relay_span protocol; /* empty: as received */
    bool rekeyed;               /* what the other party says of keys goes; ``keys`` come instead, as whole lines with their ends */
    struct relay_span keys;
    struct relay_span ice; /* lines of ours, with their ends */
    bool named; /* ``mid`` in place of what is said, or nothing when it is empty */
    struct relay_span mid;
};

struct relay_sdp_style {
    struct relay_span connection; /* ours, as "IN IP4 192.0.2.1" */
    int family;
    bool full_rtcp;       /* the address in a=rtcp too */
    bool replace_zero;    /* our address even in place of 0.0.0.0 */
    bool keep_directions; /* as received, else each section has one, which says "hold" where its address is zero */
    bool strip_extmap;    /* no a=extmap */
    struct relay_span loop_mark; /* a value for LOOP_MARK at session level; empty: none */
    bool lite; /* we are an ICE lite agent */
    struct relay_span inherited; /* the session's own connection, for untouched sections without one; empty: none */
    struct relay_span name;      /* a whole s= line in place of the received one; empty: none */
};

/* What a proxy asks of a body that is written. */
enum {
    RELAY_WRITE_FULL_RTCP = 1 << 0,
    RELAY_WRITE_ZERO_ADDRESS = 1 << 1, /* ours in its place */
    RELAY_WRITE_DIRECTIONS = 1 << 2,   /* as received */
    RELAY_WRITE_NO_EXTMAP = 1 << 3,
    RELAY_WRITE_LOOP_MARK = 1 << 4,
    RELAY_WRITE_ORIGIN = 1 << 5,     /* our address in the o= line */
    RELAY_WRITE_OWN_ORIGIN = 1 << 6, /* nothing of the sender's in it */
    RELAY_WRITE_USERNAME = 1 << 7,   /* there: the first one */
    RELAY_WRITE_VERSION = 1 << 8,    /* there: ours */
    RELAY_WRITE_NEXT_VERSION = 1 << 9, /* the same, and it always grows */
    RELAY_WRITE_NAME = 1 << 10,      /* the first s= line */
    RELAY_WRITE_ICE_LITE = 1 << 11,  /* a=ice-lite */
    RELAY_WRITE_OF_ORIGIN = RELAY_WRITE_ORIGIN | RELAY_WRITE_OWN_ORIGIN | RELAY_WRITE_USERNAME | RELAY_WRITE_VERSION | RELAY_WRITE_NEXT_VERSION,
};

/* What one party was told so far. */
struct relay_announced {
    long long session_id; /* ours */
    long long version;    /* 0: nothing yet */
    uint64_t body_hash;   /* of the last body without its o= line */
};

/* Of a body that is written: whether it is another one than the last. */
void relay_sdp_count_version(struct relay_announced *announced, const struct relay_sdp *sdp, const struct relay_text *text, size_t origin,
                             unsigned how);

/* Its o= line. */
void relay_sdp_put_origin(struct relay_text *text, const struct relay_sdp *sdp, const struct relay_announced *announced,
                          struct relay_span username, struct relay_span ours, unsigned how);

#define RELAY_SDP_LOOP_MARK "rtpengine"

/* Appends the body to ``text``, but for its o= line, whose place is ``origin``. */
void relay_sdp_write(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style,
                     struct relay_text *text, size_t *origin);

/* Its parts. */

void relay_sdp_write_media(const struct relay_sdp_section *session, const struct relay_sdp_section *section,
                           const struct relay_sdp_local *local, const struct relay_sdp_style *style, struct relay_text *text);

/* ``held``: a zero address in ``line`` passes. */
void relay_sdp_write_connection(struct relay_text *text, const struct relay_sdp_style *style, struct relay_span line, bool held);

/* Whether an attribute doesn't pass: those of the sender's ICE, those of BUNDLE, and a=extmap where the style says so. */
bool relay_sdp_is_dropped(const struct relay_sdp_line *line, const struct relay_sdp_style *style);

/* Whether an attribute is what a party says of its keys. */
bool relay_sdp_is_of_keys(struct relay_span name);

/* Name and clock rate of a payload type that needs no a=rtpmap (RFC 3551 tables 4 and 5), as "PCMU/8000"; NULL: it has none. */
const char *relay_sdp_static_encoding(unsigned payload_type);

#endif
