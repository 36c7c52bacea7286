/* The ends of the calls: a socket each, what it sends, and what its peer's packets look like when they arrive.
 *
 * A line of stdin is one end: "group own_ip own_port relay_ip relay_port own_key relay_key", the two ends of a call one after the
 * other. Groups are numbered from 0. A key is "-" where this end is plain, or AES_CM_128_HMAC_SHA1_80's master key and salt in
 * hexadecimal digits. */
#ifndef RTPLOAD_ENDS_H
#define RTPLOAD_ENDS_H

#include "window.h"

struct end;

struct ends {
    struct end *end;
    size_t count, room;
};

/* ``packets``: of an end in a turn, at most. */
void ends_read(struct ends groups[], size_t count, size_t packets);

/* Before each turn: makes the packets of SRTP, so that sending one costs what sending a plain one does. */
void ends_prepare(struct ends *ends);

/* One packet; the time goes into a table, since what is encrypted can't carry it. */
void ends_send(struct ends *ends, size_t number, struct window *window);
void ends_drain(struct ends *ends, size_t number, struct window *window);

/* 0 if the last packet that each end got is, once decrypted, what its peer sent; else 1, and it is said. */
int ends_check(const struct ends groups[], size_t count);

#endif
