/* SRTP and SRTCP (RFC 3711, RFC 7714) over datagrams in place. No I/O, no clock; nothing allocated but by open. */
#ifndef RELAY_SRTP_H
#define RELAY_SRTP_H

#include <stddef.h>

#include "relay_srtp_state.h"

/* What protecting may append: authentication tag and SRTCP index; we send no MKI. */
#define RELAY_SRTP_ROOM 20

enum relay_srtp_result {
    RELAY_SRTP_DONE,
    RELAY_SRTP_FORGED,    /* too short, or does not authenticate */
    RELAY_SRTP_REPLAYED,  /* seen before, or too old to tell */
    RELAY_SRTP_EXHAUSTED, /* the key has no index left, or OpenSSL refused */
};

/* OpenSSL's ciphers, for one thread at a time and all its ways. NULL: out of memory. */
struct relay_engine;
struct relay_engine *relay_engine_open(void);
void relay_engine_close(struct relay_engine *engine);

/* The context of one way: its caller's, used by the engine's thread. */
struct relay_srtp;

enum relay_suite relay_suite_named(const char *name); /* as in a=crypto */
size_t relay_suite_key_bytes(enum relay_suite suite); /* master key and master salt */

/* NULL: out of memory. */
struct relay_srtp *relay_srtp_open(struct relay_engine *engine, const struct relay_key *key);
void relay_srtp_close(struct relay_srtp *srtp);
void relay_srtp_prefetch(const struct relay_srtp *srtp, const struct relay_way_state *state); /* for a packet of RTP */

/* ``data`` is a packet that relay_classify took for RTP or RTCP, followed by RELAY_SRTP_ROOM bytes of ours. Unless they return
 * RELAY_SRTP_DONE, data is worthless and ``state`` as it was. */
enum relay_srtp_result relay_srtp_protect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                          uint8_t *data, size_t *size);
enum relay_srtp_result relay_srtp_unprotect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                            uint8_t *data, size_t *size);

#endif
