/* Packets that came for a side before anybody said where it is: kept for a moment, judged when that is known. A ring in the order of
 * arrival, all of it one relay thread's; its memory is touched with the first such packet. */
#ifndef RELAY_EARLY_H
#define RELAY_EARLY_H

#include "relay_table.h"

#define RELAY_EARLY_SLOTS 2048
#define RELAY_EARLY_BYTES 1500    /* of a packet; a larger one is not kept */
#define RELAY_EARLY_MOST 64       /* of one stream */
#define RELAY_EARLY_NS 500000000u /* usually: what is older is of no use to who hears it */
#define RELAY_EARLY_FREE UINT32_MAX

struct relay_early_slot {
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    uint32_t leg;   /* relay_leg_index, or RELAY_EARLY_FREE */
    uint32_t size;
    union relay_address source;
};

struct relay_early {
    uint32_t first, count; /* of the slots in use, in the ring */
    uint64_t judged;       /* when their sides were placed */
    uint64_t dropped;      /* too old by then, or no room */
    uint64_t keep_ns;      /* what is older is too old; fixed before the thread runs */
    struct relay_early_slot slot[RELAY_EARLY_SLOTS];
    uint8_t data[RELAY_EARLY_SLOTS][RELAY_EARLY_BYTES];
};

/* Whether what came for that leg may be kept: its stream waits for an answer, and it is nowhere yet. */
bool relay_early_may_wait(const struct relay_stream *stream, int component, int side);

/* Keeps a packet of such a leg. When there is no room for it, it is counted as a stranger's. */
void relay_early_put(struct relay_early *early, struct relay_stream *streams, uint32_t leg, const union relay_address *source,
                     const uint8_t *data, size_t size, uint64_t now_ns);

/* The stream's next packet from ``*at`` on (0: the oldest), and its leg. Its slot is free then, and valid until the next put. What is too
 * old is dropped. NULL: there is none left. Before the first one, ``early`` of the stream was set to 0. */
const struct relay_early_slot *relay_early_take(struct relay_early *early, struct relay_stream *streams, uint32_t number, uint32_t *at,
                                                uint32_t *leg, uint64_t now_ns);

static inline const uint8_t *relay_early_data(const struct relay_early *early, const struct relay_early_slot *slot)
{
    return early->data[slot - early->slot];
}

#endif
