/* Credentials of ICE set, taken over and dropped. */
#include <openssl/crypto.h>

#include "relay_ice.h"
#include "relay_state.h"

/* What changes while the thread stands still. */
struct change {
    struct relay_stream *stream;
    struct relay_ice_record *record;
    int side;
    const struct relay_ice_words *words;
};

static uint32_t checksum_of(const struct relay_ice_side *side)
{
    return relay_checksum(side, offsetof(struct relay_ice_side, checksum));
}

static bool are_ours(const struct relay_ice_side *side, const struct relay_ice_words *words)
{
    return side->ufrag_bytes == words->ufrag_bytes && side->password_bytes == words->password_bytes &&
           memcmp(side->ufrag, words->ufrag, words->ufrag_bytes) == 0 && memcmp(side->password, words->password, words->password_bytes) == 0;
}

static void put_words(struct relay_ice_side *side, const struct relay_ice_words *words)
{
    if (!are_ours(side, words)) {
        side->generation++;
        memset(side->ufrag, 0, sizeof side->ufrag);
        memset(side->password, 0, sizeof side->password);
        memcpy(side->ufrag, words->ufrag, words->ufrag_bytes);
        memcpy(side->password, words->password, words->password_bytes);
        side->ufrag_bytes = words->ufrag_bytes;
        side->password_bytes = words->password_bytes;
    }
    side->peer = words->peer_bytes > 0 ? relay_ice_name((const uint8_t *)words->peer, words->peer_bytes) : 0;
    side->checksum = checksum_of(side);
}

static void change_side(void *argument)
{
    const struct change *change = argument;
    put_words(&change->record->side[change->side], change->words);
    relay_ice_settle(change->stream, change->record, change->side);
}

enum relay_error relay_set_ice(struct relay *relay, uint32_t number, int side, const struct relay_ice_words *words)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    struct change change = {stream, relay_ice_of(&relay->table, number), side, words};
    if (relay_get(stream->ice) == 0) {
        memset(change.record, 0, sizeof *change.record);
        for (int each = 0; each < RELAY_SIDES; each++)
            change.record->side[each].checksum = checksum_of(&change.record->side[each]);
        relay_put(stream->ice, 1);
        relay_stream_seal(stream);
    }
    relay_thread_run(&relay->threads[stream->thread], change_side, &change);
    return relay_unlock(relay, RELAY_OK);
}

/* Pairs that were cut off while they were written are learned again. */
enum relay_error relay_adopt_ice(struct relay *relay, uint32_t number)
{
    struct relay_stream *stream = &relay->table.streams[number];
    struct relay_ice_record *record = relay_ice_of(&relay->table, number);
    if (stream->ice == 0)
        return RELAY_OK;
    for (int side = 0; side < RELAY_SIDES; side++)
        if (record->side[side].checksum != checksum_of(&record->side[side]) || record->side[side].ufrag_bytes > RELAY_ICE_UFRAG ||
            record->side[side].password_bytes > RELAY_ICE_PASSWORD)
            return RELAY_ERROR_CHECKSUM;
    RELAY_FOR_SOCKETS (component, side) {
        struct relay_ice_leg *leg = &record->leg[component][side];
        if ((leg->sequence & 1) != 0)
            memset(leg->pair, 0, sizeof leg->pair);
        relay_write_end(&leg->sequence);
    }
    for (int side = 0; side < RELAY_SIDES; side++)
        relay_ice_settle(stream, record, side);
    return RELAY_OK;
}

void relay_drop_ice(struct relay *relay, uint32_t number)
{
    if (relay->table.streams[number].ice != 0)
        OPENSSL_cleanse(relay_ice_of(&relay->table, number), sizeof(struct relay_ice_record));
}
