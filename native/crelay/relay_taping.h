/* Which recording a stream's packets are copied for: the relay thread's side of it. */
#ifndef RELAY_TAPING_H
#define RELAY_TAPING_H

#include "relay_recorder.h"
#include "relay_table.h"

/* Of one stream; the thread's, changed by tasks it runs. In use where a leg has RELAY_FLAG_TAPED. */
struct relay_taping {
    struct relay_recorder *recorder;
    struct relay_tape *tape;
    uint32_t recording;
    union relay_address local[RELAY_COMPONENTS][RELAY_SIDES]; /* of our sockets; family 0 where there is none */
};

/* A packet as it arrived, or as it was before SRTP. */
void relay_taping_put(const struct relay_taping *taping, int component, int side, const union relay_address *from,
                      const uint8_t *data, size_t size, uint64_t now_ns);

#endif
