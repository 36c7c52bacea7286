/* SRTP and SRTCP (RFC 3711, RFC 7714) over datagrams in place. No I/O, no clock; nothing allocated but by open. */
#ifndef RELAY_SRTP_H
#define RELAY_SRTP_H

#include <stddef.h>

#include "relay_srtp_state.h"

/* What is written after a packet: at most 20 bytes that protecting appends (authentication tag and SRTCP index; we send no MKI),
 * and what hashing needs. */
#define RELAY_SRTP_ROOM 80
#define RELAY_LINE 64

enum relay_srtp_result {
    RELAY_SRTP_DONE,
    RELAY_SRTP_FORGED,    /* too short, or does not authenticate */
    RELAY_SRTP_REPLAYED,  /* seen before, or too old to tell */
    RELAY_SRTP_EXHAUSTED, /* the key has no index left, or had more sources than are remembered, or OpenSSL refused */
};

/* The context of one way: its caller's, used by one thread at a time. */
struct relay_srtp;

enum relay_suite relay_suite_named(const char *name); /* as in a=crypto */
size_t relay_suite_key_bytes(enum relay_suite suite); /* master key and master salt */

/* NULL: out of memory. */
struct relay_srtp *relay_srtp_open(const struct relay_key *key);
void relay_srtp_close(struct relay_srtp *srtp);

/* Where the way's sources are remembered that gave way to others. Without it they are forgotten, and no ninth can be protected. */
void relay_srtp_remember(struct relay_srtp *srtp, struct relay_retired *retired);

/* Where the memory of a way's cipher for RTP is: two pieces, of which OpenSSL shows the first and an inner part of the second. */
struct relay_srtp_reach {
    const uint8_t *cipher, *inside;
    size_t lines; /* of the second piece */
};
struct relay_srtp_reach relay_srtp_reach(const struct relay_srtp *srtp);

#define RELAY_SRTP_CIPHER_LINES 3
#define RELAY_SRTP_INSIDE 96 /* no more of the second piece comes before what is shown of it */

/* What the way's next packet of RTP takes. It was last used some thousand packets ago, and is some twelve lines. */
static inline void relay_srtp_fetch(const struct relay_srtp *srtp, const struct relay_srtp_reach *reach)
{
    __builtin_prefetch(srtp);
    for (size_t i = 0; i < RELAY_SRTP_CIPHER_LINES; i++)
        __builtin_prefetch(reach->cipher + i * RELAY_LINE);
    for (size_t i = 0; i < reach->lines; i++)
        __builtin_prefetch(reach->inside - RELAY_SRTP_INSIDE + i * RELAY_LINE);
}

/* ``data`` is a packet that relay_classify took for RTP or RTCP, followed by RELAY_SRTP_ROOM bytes of ours. Unless they return
 * RELAY_SRTP_DONE, data is worthless and ``state`` as it was. */
enum relay_srtp_result relay_srtp_protect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                          uint8_t *data, size_t *size);
enum relay_srtp_result relay_srtp_unprotect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                            uint8_t *data, size_t *size);

#endif
