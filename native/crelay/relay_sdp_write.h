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

void relay_sdp_write_connection(struct relay_text *text, const struct relay_sdp_style *style, struct relay_span line);

/* Whether an attribute is of ICE or BUNDLE, neither of which passes. */
bool relay_sdp_is_dropped(const struct relay_sdp_line *line);

/* Whether a c= line's value is "send nothing to me" (RFC 3264 section 8.4). */
bool relay_sdp_is_zero(struct relay_span connection);

/* Name and clock rate of a payload type that needs no a=rtpmap (RFC 3551 tables 4 and 5), as "PCMU/8000"; NULL: it has none. */
const char *relay_sdp_static_encoding(unsigned payload_type);

#endif
