/* The body that goes on: a received one with our addresses and ports, all else byte for byte. */
#ifndef RELAY_SDP_WRITE_H
#define RELAY_SDP_WRITE_H

#include "relay_sdp.h"

/* Grows; ``failed``: it could not. Freed by its owner. */
struct relay_text {
    char *data;
    size_t size, room;
    bool failed;
};

/* What we announce for one m= line. */
struct relay_sdp_local {
    bool untouched; /* the section passes as it is, with the address it inherited */
    unsigned port, count; /* port 0: rejected or removed */
    unsigned rtcp_port;   /* 0: no a=rtcp */
    bool mux;
    struct relay_span protocol; /* empty: as received */
    bool rekeyed;               /* what the other party says of keys goes; ``keys`` come instead, as whole lines with their ends */
    struct relay_span keys;
    struct relay_span direction; /* in place of what is said; empty: that stays */
};

struct relay_sdp_style {
    struct relay_span connection; /* ours, as "IN IP4 192.0.2.1" */
    int family;
    bool full_rtcp;    /* the address in a=rtcp too */
    bool replace_zero; /* our address even in place of 0.0.0.0 */
    struct relay_span loop_mark; /* a value for LOOP_MARK at session level; empty: none */
    struct relay_span inherited; /* the session's own connection, for untouched sections without one; empty: none */
};

/* Offsets. */
struct relay_place_of_origin {
    size_t start, end;
};

#define RELAY_SDP_LOOP_MARK "x-relayed-by"

/* Appends the body to ``text``; ``origin`` is where its o= line stands there, with its end. */
void relay_sdp_write(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style,
                     struct relay_text *text, struct relay_place_of_origin *origin);

#endif
