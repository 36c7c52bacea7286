/* Datagrams of DTLS that a relay thread let in, on their way to the application: one bounded ring a thread, as for recordings. */
#ifndef RELAY_INBOX_H
#define RELAY_INBOX_H

#include "relay_tape.h"

#define RELAY_DTLS_A_SECOND 50 /* datagrams of one side; a handshake has about ten */

/* Of one thread. */
struct relay_inbox {
    struct relay_tape *tape; /* in it a leg's number stands for the recording */
    int wake;                /* an eventfd, the same for all threads */
    uint64_t dropped;        /* thread: there was no room, or came too many */
};

/* What a side that has DTLS with us may say of it. */
struct relay_dtls {
    bool on;         /* control, while the thread stands still */
    uint8_t count;   /* thread: in that time */
    uint32_t window; /* thread: about a second of CLOCK_MONOTONIC */
};

/* RFC 7983 section 7. */
static inline bool relay_is_dtls(const uint8_t *data, size_t size) { return size > 0 && data[0] >= 20 && data[0] <= 63; }

/* The thread's. */
void relay_inbox_put(struct relay_inbox *inbox, struct relay_dtls *dtls, uint32_t leg, const union relay_address *from,
                     const uint8_t *data, size_t size, uint64_t now_ns);

#endif
