/* The ends of the calls: a socket each, what it sends, and what its peer's packets look like when they arrive.
 *
 * A line of stdin is one end: "own_ip own_port relay_ip relay_port own_key relay_key", the two ends of a call one after the
 * other. A key is "-" where this end is plain, or AES_CM_128_HMAC_SHA1_80's master key and salt in hexadecimal digits. */
#ifndef RTPLOAD_ENDS_H
#define RTPLOAD_ENDS_H

#include "window.h"

struct end;

struct ends {
    struct end *end;
    size_t count;
};

/* Packets of SRTP are made before, so that sending one costs what sending a plain one does: ``packets`` at most of each end. */
void ends_read(struct ends *ends, size_t packets);

/* One packet; the time goes into a table, since what is encrypted can't carry it. */
void ends_send(struct ends *ends, size_t number, struct window *window);
void ends_drain(struct ends *ends, size_t number, struct window *window);

/* Whether the last packet that arrived is, once decrypted, what the peer sent. */
void ends_check(const struct ends *ends, struct window *window);

#endif
