/* The SRTP of one stream: four ways, each with contexts in this process and its state in the table. */
#ifndef RELAY_CRYPTO_H
#define RELAY_CRYPTO_H

#include "relay_inbox.h"
#include "relay_srtp.h"
#include "relay_table.h"

/* Control makes and frees it; in between the thread uses it, and control changes it only while the thread stands still
 * (relay_thread_run). A NULL context: that way is plain. */
struct relay_crypto {
    _Alignas(RELAY_LINE) struct relay_srtp_record *record; /* the table's */
    struct relay_srtp *way[RELAY_SIDES][RELAY_WAYS];
    struct relay_srtp_reach reach[RELAY_SIDES][RELAY_WAYS];
    struct relay_srtp_retired *retired; /* the table's */
    struct relay_dtls dtls[RELAY_SIDES];
};

/* Whether a side whose keys are yet to come has none for that way: then nothing passes. */
static inline bool relay_crypto_waits(const struct relay_crypto *crypto, int side, int way)
{
    return crypto->dtls[side].on && crypto->way[side][way] == NULL;
}

/* The contexts for the keys of the stream; NULL: out of memory. */
struct relay_crypto *relay_crypto_open(const struct relay_table *table, uint32_t stream);
void relay_crypto_close(struct relay_crypto *crypto);

/* What a packet of RTP from ``side`` will need. The thread's part. */
static inline void relay_crypto_fetch(const struct relay_crypto *crypto, int side)
{
    const int sides[RELAY_WAYS] = {[RELAY_RECEIVE] = side, [RELAY_SEND] = !side};
    for (int way = 0; way < RELAY_WAYS; way++) {
        const struct relay_srtp *srtp = crypto->way[sides[way]][way];
        const struct relay_way_state *state = &crypto->record->way[sides[way]][way];
        if (srtp == NULL)
            continue;
        __builtin_prefetch(&state->turn);
        __builtin_prefetch(&state->source[0], 1);
        relay_srtp_fetch(srtp, &crypto->reach[sides[way]][way]);
    }
}

/* What that will look at. */
static inline void relay_crypto_foresee(const struct relay_crypto *crypto)
{
    for (size_t at = 0; at < sizeof *crypto; at += RELAY_LINE)
        __builtin_prefetch((const char *)crypto + at);
}

/* Control's part: over the keys. */
void relay_record_seal(struct relay_srtp_record *record);
bool relay_record_intact(const struct relay_srtp_record *record);

#endif
