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
    struct relay_span inherited; /* the session's own connection, for untouched sections without one; empty: none */
};

/* Offsets. */
struct relay_place_of_origin {
    size_t start, end;
};

#define RELAY_SDP_LOOP_MARK "rtpengine"

/* Appends the body to ``text``; ``origin`` is where its o= line stands there, with its end. */
void relay_sdp_write(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style,
                     struct relay_text *text, struct relay_place_of_origin *origin);

/* Its parts. */

void relay_sdp_write_media(const struct relay_sdp_section *session, const struct relay_sdp_section *section,
                           const struct relay_sdp_local *local, const struct relay_sdp_style *style, struct relay_text *text);

/* ``held``: a zero address in ``line`` passes. */
void relay_sdp_write_connection(struct relay_text *text, const struct relay_sdp_style *style, struct relay_span line, bool held);

/* Whether an attribute doesn't pass: those of ICE and BUNDLE, and a=extmap where the style says so. */
bool relay_sdp_is_dropped(const struct relay_sdp_line *line, const struct relay_sdp_style *style);

/* Whether an m= section says "send nothing to me" by a zero address (RFC 3264 section 8.4), which isn't one whose candidates are still
 * to come (RFC 8840 section 4.1.1). */
bool relay_sdp_is_held(const struct relay_sdp_section *session, const struct relay_sdp_section *section);

/* Name and clock rate of a payload type that needs no a=rtpmap (RFC 3551 tables 4 and 5), as "PCMU/8000"; NULL: it has none. */
const char *relay_sdp_static_encoding(unsigned payload_type);

#endif
