/* The SRTP of one stream: four ways, each with contexts in this process and its state in the table. */
#ifndef RELAY_CRYPTO_H
#define RELAY_CRYPTO_H

#include "relay_srtp.h"
#include "relay_table.h"

/* Control makes and frees it; in between the thread uses it, and control changes it only while the thread stands still
 * (relay_thread_run). A NULL context: that way is plain. */
struct relay_crypto {
    struct relay_srtp *way[RELAY_SIDES][RELAY_WAYS];
    struct relay_srtp_record *record; /* the table's */
};

/* The contexts for the keys of ``record``; NULL: out of memory. */
struct relay_crypto *relay_crypto_open(struct relay_engine *engine, struct relay_srtp_record *record);
void relay_crypto_close(struct relay_crypto *crypto);

/* What a packet of RTP from ``side`` will need. The thread's part. */
static inline void relay_crypto_prefetch(const struct relay_crypto *crypto, int side)
{
    if (crypto->way[side][RELAY_RECEIVE] != NULL)
        relay_srtp_prefetch(crypto->way[side][RELAY_RECEIVE], &crypto->record->way[side][RELAY_RECEIVE]);
    if (crypto->way[!side][RELAY_SEND] != NULL)
        relay_srtp_prefetch(crypto->way[!side][RELAY_SEND], &crypto->record->way[!side][RELAY_SEND]);
}

/* Control's part: over the keys. */
void relay_record_seal(struct relay_srtp_record *record);
bool relay_record_intact(const struct relay_srtp_record *record);

#endif
