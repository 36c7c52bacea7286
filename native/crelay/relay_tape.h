/* A bounded ring of packet copies from one relay thread to the recorder. The thread never waits: what does not fit is dropped
 * and counted by the caller. */
#ifndef RELAY_TAPE_H
#define RELAY_TAPE_H

#include <stddef.h>

#include "relay_address.h"

#define RELAY_TAPE_BYTES (4u << 20) /* a power of two; touched as far as it is used */
#define RELAY_TAPE_MOST 8192        /* bytes kept of one packet */

/* Before each copy. */
struct relay_taped {
    uint32_t kept;      /* bytes that follow; UINT32_MAX: the rest of the ring is unused */
    uint32_t size;      /* of the packet */
    uint32_t recording;
    uint32_t unused;
    uint64_t at_ns;     /* CLOCK_MONOTONIC */
    union relay_address from, to;
};

struct relay_tape {
    uint8_t *data;
    _Alignas(64) uint64_t head; /* relay thread; counts bytes for ever */
    _Alignas(64) uint64_t tail; /* recorder */
};

struct relay_tape *relay_tape_open(void); /* NULL: no memory */
void relay_tape_close(struct relay_tape *tape);

/* The relay thread's. False: no room. */
bool relay_tape_put(struct relay_tape *tape, const struct relay_taped *head, const uint8_t *data);

/* The recorder's: the oldest copy, its bytes behind it, until relay_tape_done. NULL: none. */
const struct relay_taped *relay_tape_next(struct relay_tape *tape);
void relay_tape_done(struct relay_tape *tape, const struct relay_taped *copy);

#endif
