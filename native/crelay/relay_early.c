#include "relay_early.h"

bool relay_early_may_wait(const struct relay_stream *stream, int component, int side)
{
    if (relay_get(stream->awaited) == 0 && relay_get(stream->early) == 0)
        return false;
    return stream->component[component][side].leg.mode == RELAY_UNSET && stream->component[RELAY_RTP_COMPONENT][side].leg.mode == RELAY_UNSET;
}

static void refuse(struct relay_early *early, struct relay_stream *streams, uint32_t leg)
{
    relay_count(streams[leg >> 2].rare[leg >> 1 & 1][leg & 1].strangers, 1);
    relay_count(early->dropped, 1);
}

static void drop(struct relay_early *early, struct relay_stream *streams, struct relay_early_slot *slot)
{
    uint8_t *kept = &streams[slot->leg >> 2].early;
    relay_put(*kept, (uint8_t)(*kept - 1));
    refuse(early, streams, slot->leg);
    slot->leg = RELAY_EARLY_FREE;
}

static bool is_stale(const struct relay_early *early, const struct relay_early_slot *slot, uint64_t now_ns)
{
    return now_ns > slot->at_ns + early->keep_ns;
}

/* Those at the ring's beginning that are free or too old, and the oldest one when every slot is taken. */
static void make_room(struct relay_early *early, struct relay_stream *streams, uint64_t now_ns)
{
    while (early->count > 0) {
        struct relay_early_slot *slot = &early->slot[early->first];
        if (slot->leg != RELAY_EARLY_FREE && early->count < RELAY_EARLY_SLOTS && !is_stale(early, slot, now_ns))
            return;
        if (slot->leg != RELAY_EARLY_FREE)
            drop(early, streams, slot);
        early->first = (early->first + 1) % RELAY_EARLY_SLOTS;
        early->count--;
    }
}

void relay_early_put(struct relay_early *early, struct relay_stream *streams, uint32_t leg, const union relay_address *source,
                     const uint8_t *data, size_t size, uint64_t now_ns)
{
    uint8_t *kept = &streams[leg >> 2].early;
    make_room(early, streams, now_ns);
    if (size > RELAY_EARLY_BYTES || *kept >= RELAY_EARLY_MOST) {
        refuse(early, streams, leg);
        return;
    }
    uint32_t place = (early->first + early->count++) % RELAY_EARLY_SLOTS;
    early->slot[place] = (struct relay_early_slot){now_ns, leg, (uint32_t)size, *source};
    memcpy(early->data[place], data, size);
    relay_put(*kept, (uint8_t)(*kept + 1));
}

const struct relay_early_slot *relay_early_take(struct relay_early *early, struct relay_stream *streams, uint32_t number, uint32_t *at,
                                                uint32_t *leg, uint64_t now_ns)
{
    while (*at < early->count) {
        struct relay_early_slot *slot = &early->slot[(early->first + (*at)++) % RELAY_EARLY_SLOTS];
        if (slot->leg >> 2 != number)
            continue;
        *leg = slot->leg;
        slot->leg = RELAY_EARLY_FREE;
        if (!is_stale(early, slot, now_ns))
            return slot;
        refuse(early, streams, *leg);
    }
    return NULL;
}
