/* What the application reads of a stream, while its thread goes on. */
#include <unistd.h>

#include "relay_latch.h"
#include "relay_rtp.h"
#include "relay_state.h"

#define READ_TRIES 1000 /* of a record the thread is writing; a killed process may have left it open for good */

enum relay_error relay_thread_of(struct relay *relay, uint32_t number, uint32_t *thread)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    *thread = stream->thread;
    return relay_unlock(relay, RELAY_OK);
}

void relay_read_leg(const struct relay_stream *stream, int component, int side, struct relay_leg *leg)
{
    const struct relay_leg *shared = &stream->component[component][side].leg;
    bool whole = false;
    memset(leg, 0, sizeof *leg);
    for (int tries = 0; !whole && tries < READ_TRIES; tries++) {
        uint32_t seen;
        whole = relay_read_begin(&shared->latch_sequence, &seen);
        leg->taken = relay_get(shared->taken);
        leg->latched = relay_get(shared->latched);
        leg->mode = relay_get(shared->mode);
        relay_words_get(&leg->remote, &shared->remote, sizeof leg->remote);
        whole = relay_read_end(&shared->latch_sequence, seen) && whole;
    }
    if (leg->taken != shared->setting_sequence) {
        leg->latched = RELAY_NOT_LATCHED;
        leg->mode = stream->setting[component][side].mode;
        leg->remote = stream->setting[component][side].remote;
    }
}

static void read_remote(const struct relay_stream *stream, int component, int side, struct relay_stats *stats)
{
    struct relay_leg rtp, rtcp;
    union relay_address scratch;
    relay_read_leg(stream, RELAY_RTP_COMPONENT, side, &rtp);
    relay_read_leg(stream, RELAY_RTCP_COMPONENT, side, &rtcp);
    if (component == RELAY_RTP_COMPONENT || (stream->side_flags[side] & RELAY_FLAG_MUX) != 0) {
        stats->remote = rtp.remote;
        stats->latched = rtp.latched != RELAY_NOT_LATCHED;
        return;
    }
    const union relay_address *remote = relay_rtcp_remote(&rtp, &rtcp, &scratch);
    if (remote != NULL)
        stats->remote = *remote;
    stats->latched = rtcp.latched != RELAY_NOT_LATCHED;
}

enum relay_error relay_get_stats(struct relay *relay, uint32_t number, int side, int component, struct relay_stats *stats)
{
    struct relay_stream *stream;
    struct relay_flow flow;
    uint32_t gaps;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    const struct relay_rare *rare = &stream->rare[component][side];
    relay_read_flow(relay, number, component, side, &flow, &gaps);
    *stats = (struct relay_stats){
        .packets = flow.packets, .bytes = flow.bytes, .forwarded = flow.forwarded,
        .send_errors = relay_get(rare->send_errors), .strangers = relay_get(rare->strangers),
        .malformed = relay_get(rare->malformed), .no_remote = relay_get(rare->no_remote),
        .lost = relay_flow_lost(&flow), .gaps = gaps, .jitter = relay_flow_jitter(&flow), .ssrc = flow.ssrc,
        .payload_type = flow.payload_type, .first_ns = relay_get(rare->first_ns), .last_ns = flow.last_ns,
        .round_trip_us = relay_get(stream->report[side].round_trip_us),
    };
    if (relay->crypto[number] != NULL) {
        stats->auth_failed = relay_get(relay->crypto[number]->record->auth_failed[component][side]);
        stats->replayed = relay_get(relay->crypto[number]->record->replayed[component][side]);
    }
    if (relay_get(stream->ice) != 0) {
        const struct relay_ice_leg *ice = &relay_ice_of(&relay->table, number)->leg[component][side];
        stats->checks = relay_get(ice->answered);
        stats->checks_refused = relay_get(ice->refused);
    }
    read_remote(stream, component, side, stats);
    return relay_unlock(relay, RELAY_OK);
}

enum relay_error relay_add_totals(struct relay *relay, uint32_t number, struct relay_totals totals[RELAY_COMPONENTS])
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    const struct relay_crypto *crypto = relay->crypto[number];
    RELAY_FOR_SOCKETS (component, side) {
        const struct relay_rare *rare = &stream->rare[component][side];
        struct relay_totals *sum = &totals[component];
        struct relay_flow flow;
        uint32_t gaps;
        relay_read_flow(relay, number, component, side, &flow, &gaps);
        sum->packets += flow.packets;
        sum->bytes += flow.bytes;
        sum->errors += relay_get(rare->send_errors) + relay_get(rare->malformed);
        sum->strangers += relay_get(rare->strangers);
        if (crypto != NULL)
            sum->forged += (uint64_t)relay_get(crypto->record->auth_failed[component][side]) +
                           relay_get(crypto->record->replayed[component][side]);
        if (relay_get(stream->ice) != 0) {
            const struct relay_ice_leg *ice = &relay_ice_of(&relay->table, number)->leg[component][side];
            sum->checks += relay_get(ice->answered);
            sum->checks_refused += relay_get(ice->refused);
        }
    }
    return relay_unlock(relay, RELAY_OK);
}

enum relay_error relay_last_packet(struct relay *relay, uint32_t number, uint64_t *last_ns)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    *last_ns = 0;
    RELAY_FOR_SOCKETS (component, side) {
        struct relay_flow flow;
        uint32_t gaps;
        relay_read_flow(relay, number, component, side, &flow, &gaps);
        if (flow.last_ns > *last_ns)
            *last_ns = flow.last_ns;
    }
    return relay_unlock(relay, RELAY_OK);
}

void relay_events_seen(struct relay *relay)
{
    uint64_t count;
    if (!relay_forked(relay)) /* else it would take the event from the process it is for */
        (void)!read(relay->news.fd, &count, sizeof count);
}

bool relay_next_latched(struct relay *relay, uint32_t *leg)
{
    const uint32_t per_stream = RELAY_COMPONENTS * RELAY_SIDES;
    uint32_t legs = relay_forked(relay) ? 0 : relay->table.header->capacity * per_stream, any;
    _Static_assert(sizeof any == RELAY_COMPONENTS * RELAY_SIDES, "the legs of a stream are one word");
    while (*leg < legs) {
        any = relay_get(*(const uint32_t *)(relay->news.latched + *leg / per_stream * per_stream));
        if (any == 0)
            *leg += per_stream - *leg % per_stream;
        else if (__atomic_exchange_n(&relay->news.latched[*leg], 0, __ATOMIC_ACQUIRE))
            return true;
        else
            ++*leg;
    }
    return false;
}
