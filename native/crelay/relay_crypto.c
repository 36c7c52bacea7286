/* Keys of a stream set, taken over and dropped. */
#include "relay_crypto.h"

#include <stdlib.h>

#include "relay_srtp_index.h"
#include "relay_state.h"

/* NULL: that way is plain from now on. Returns what was there. */
static struct relay_srtp *put(struct relay_crypto *crypto, int side, int way, struct relay_srtp *srtp)
{
    struct relay_srtp *before = crypto->way[side][way];
    crypto->way[side][way] = srtp;
    if (srtp != NULL) {
        relay_srtp_remember(srtp, &crypto->retired->way[side][way]);
        crypto->reach[side][way] = relay_srtp_reach(srtp);
    }
    return before;
}

struct relay_crypto *relay_crypto_open(const struct relay_table *table, uint32_t stream)
{
    struct relay_srtp_record *record = relay_record_of(table, stream);
    struct relay_crypto *crypto = aligned_alloc(RELAY_LINE, sizeof *crypto);
    if (crypto == NULL)
        return NULL;
    *crypto = (struct relay_crypto){.record = record, .retired = &table->retired[stream]};
    for (int side = 0; side < RELAY_SIDES; side++)
        crypto->dtls[side].on = relay_has_dtls(&table->streams[stream], side);
    for (int side = 0; side < RELAY_SIDES; side++)
        for (int way = 0; way < RELAY_WAYS; way++) {
            const struct relay_key *key = &record->way[side][way].key;
            struct relay_srtp *srtp = key->suite != RELAY_NO_SUITE ? relay_srtp_open(key) : NULL;
            if (srtp == NULL && key->suite != RELAY_NO_SUITE) {
                relay_crypto_close(crypto);
                return NULL;
            }
            put(crypto, side, way, srtp);
        }
    return crypto;
}

void relay_crypto_close(struct relay_crypto *crypto)
{
    if (crypto == NULL)
        return;
    for (int side = 0; side < RELAY_SIDES; side++)
        for (int way = 0; way < RELAY_WAYS; way++)
            relay_srtp_close(crypto->way[side][way]);
    free(crypto);
}

static uint32_t record_checksum(const struct relay_srtp_record *record)
{
    uint32_t sum = 0;
    for (int side = 0; side < RELAY_SIDES; side++)
        for (int way = 0; way < RELAY_WAYS; way++)
            sum = sum * 31 + relay_checksum(&record->way[side][way].key, sizeof record->way[side][way].key);
    return sum;
}

void relay_record_seal(struct relay_srtp_record *record) { record->checksum = record_checksum(record); }

bool relay_record_intact(const struct relay_srtp_record *record)
{
    for (int side = 0; side < RELAY_SIDES; side++)
        for (int way = 0; way < RELAY_WAYS; way++)
            if (record->way[side][way].key.suite >= RELAY_SUITES)
                return false; /* of a later version */
    return record->checksum == record_checksum(record);
}

/* What changes while the thread stands still. */
struct rekeying {
    struct relay_stream *stream;
    struct relay_crypto *crypto;
    struct relay_crypto **slot; /* the thread's view of it */
    struct relay_srtp_kept *kept;
    int side;
    const struct relay_key *key;               /* by way */
    struct relay_srtp *srtp[RELAY_WAYS];       /* in: new contexts; out: those they replaced */
    bool changed[RELAY_WAYS];
};

void relay_crypto_mark(struct relay_stream *stream)
{
    RELAY_FOR_SOCKETS (component, side) {
        struct relay_leg *leg = relay_leg_of(stream, component, side);
        relay_put(leg->flags, leg->flags | RELAY_FLAG_SRTP);
    }
    for (int side = 0; side < RELAY_SIDES; side++)
        stream->side_flags[side] |= RELAY_FLAG_SRTP;
    relay_stream_seal(stream);
}

/* The identifier only says how packets look. */
static bool same_key(const struct relay_key *a, const struct relay_key *b)
{
    return a->suite == b->suite && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Sets the way aside and gives it what it had under that key, or nothing if that is new or was set aside too long ago. The SRTCP index of
 * what we send never goes back, with no key (RFC 3711 section 3.4): who doesn't begin anew with another key would take it for a replay. */
static void exchange(struct relay_way_state *way, struct relay_way_state kept[RELAY_KEPT], const struct relay_key *key,
                     struct relay_retired *retired)
{
    const struct relay_way_state before = *way;
    int place = 0;
    while (place < RELAY_KEPT - 1 && !same_key(&kept[place].key, key))
        place++;
    bool back = same_key(&kept[place].key, key);
    if (!back && relay_way_is_full(&kept[place]))
        relay_retired_forget(retired, kept[place].number);
    *way = back ? kept[place] : (struct relay_way_state){0};
    if (way->rtcp_next < before.rtcp_next)
        way->rtcp_next = before.rtcp_next;
    memmove(kept + 1, kept, (size_t)place * sizeof *kept);
    kept[0] = before;
}

/* A new key begins anew with indices and windows (RFC 4568 section 6.4). */
static void set_key(struct rekeying *change, int side, int way)
{
    struct relay_crypto *crypto = change->crypto;
    struct relay_way_state *state = &crypto->record->way[side][way];
    uint8_t *kept = &crypto->record->kept[side][way];
    if (!same_key(&state->key, &change->key[way]) && (*kept || state->key.suite != RELAY_NO_SUITE)) {
        exchange(state, change->kept->way[side][way], &change->key[way], &crypto->retired->way[side][way]);
        if (state->key.suite == RELAY_NO_SUITE) /* a new one */
            state->number = ++crypto->record->keys[side][way];
        *kept = 1;
    }
    state->key = change->key[way];
}

static void rekey(void *argument)
{
    struct rekeying *change = argument;
    for (int way = 0; way < RELAY_WAYS; way++) {
        if (!change->changed[way])
            continue;
        set_key(change, change->side, way);
        change->srtp[way] = put(change->crypto, change->side, way, change->srtp[way]);
    }
    relay_record_seal(change->crypto->record);
    *change->slot = change->crypto;
    relay_crypto_mark(change->stream);
}

static enum relay_error open_contexts(struct rekeying *change)
{
    for (int way = 0; way < RELAY_WAYS; way++) {
        const struct relay_key *before = &change->crypto->record->way[change->side][way].key;
        change->changed[way] = memcmp(before, &change->key[way], sizeof *before) != 0;
        if (!change->changed[way] || change->key[way].suite == RELAY_NO_SUITE)
            continue;
        change->srtp[way] = relay_srtp_open(&change->key[way]);
        if (change->srtp[way] == NULL)
            return RELAY_ERROR_MEMORY;
    }
    return RELAY_OK;
}

enum relay_error relay_crypto_of(struct relay *relay, uint32_t number, struct relay_crypto **crypto)
{
    enum relay_error error = relay_adopt_crypto(relay, number);
    *crypto = relay->crypto[number];
    if (error != RELAY_OK || *crypto != NULL)
        return error;
    relay_record_wipe(&relay->table, number); /* of what an earlier stream left there */
    relay_record_seal(relay_record_of(&relay->table, number));
    *crypto = relay_crypto_open(&relay->table, number);
    return *crypto != NULL ? RELAY_OK : RELAY_ERROR_MEMORY;
}

static enum relay_error set_locked(struct relay *relay, uint32_t number, struct relay_stream *stream, int side,
                                   const struct relay_key key[RELAY_WAYS])
{
    enum relay_error error;
    if (stream->kind != RELAY_RTP)
        return RELAY_ERROR_NOT_RTP;
    if ((error = relay_adopt_crypto(relay, number)) != RELAY_OK)
        return error;
    if (relay->crypto[number] == NULL && key[RELAY_RECEIVE].suite == RELAY_NO_SUITE && key[RELAY_SEND].suite == RELAY_NO_SUITE)
        return RELAY_OK;
    struct rekeying change = {.stream = stream, .slot = &relay->crypto[number], .side = side, .key = key,
                              .kept = &relay->table.kept[number]};
    if ((error = relay_crypto_of(relay, number, &change.crypto)) != RELAY_OK)
        return error;
    error = open_contexts(&change);
    if (error == RELAY_OK && (change.changed[RELAY_RECEIVE] || change.changed[RELAY_SEND]))
        relay_thread_run(&relay->threads[stream->thread], rekey, &change);
    for (int way = 0; way < RELAY_WAYS; way++)
        relay_srtp_close(change.srtp[way]);
    if (relay->crypto[number] != change.crypto)
        relay_crypto_close(change.crypto);
    return error;
}

enum relay_error relay_set_crypto(struct relay *relay, uint32_t number, int side, const struct relay_key key[RELAY_WAYS])
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    return error != RELAY_OK ? error : relay_unlock(relay, set_locked(relay, number, stream, side, key));
}

struct counting {
    const struct relay_way_state *way;
    uint32_t rollovers;
};

static void count_rollovers(void *argument)
{
    struct counting *counting = argument;
    for (int i = 0; i < RELAY_SOURCES; i++) {
        uint32_t rollovers = (uint32_t)(counting->way->source[i].index >> 16);
        if (rollovers > counting->rollovers)
            counting->rollovers = rollovers;
    }
}

enum relay_error relay_rollovers(struct relay *relay, uint32_t number, int side, uint32_t *rollovers)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    *rollovers = 0;
    if (relay->crypto[number] != NULL && relay->crypto[number]->way[side][RELAY_SEND] != NULL) {
        struct counting counting = {.way = &relay->crypto[number]->record->way[side][RELAY_SEND]};
        relay_thread_run(&relay->threads[stream->thread], count_rollovers, &counting);
        *rollovers = counting.rollovers;
    }
    return relay_unlock(relay, RELAY_OK);
}

enum relay_error relay_adopt_crypto(struct relay *relay, uint32_t number)
{
    struct relay_srtp_record *record = relay_record_of(&relay->table, number);
    if (relay->crypto[number] != NULL || (relay->table.streams[number].side_flags[0] & RELAY_FLAG_SRTP) == 0)
        return RELAY_OK;
    if (!relay_record_intact(record))
        return RELAY_ERROR_CHECKSUM;
    relay->crypto[number] = relay_crypto_open(&relay->table, number);
    return relay->crypto[number] != NULL ? RELAY_OK : RELAY_ERROR_MEMORY;
}

void relay_drop_crypto(struct relay *relay, uint32_t number)
{
    relay_crypto_close(relay->crypto[number]);
    relay->crypto[number] = NULL;
}
