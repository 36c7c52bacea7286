#include "relay_srtp_index.h"

#include <string.h>

struct relay_source *relay_source_find(struct relay_way_state *state, uint32_t ssrc)
{
    struct relay_source *source = &state->source[state->last % RELAY_SOURCES];
    if (source->used != 0 && source->ssrc == ssrc)
        return source;
    for (source = state->source; source < state->source + RELAY_SOURCES; source++)
        if (source->used != 0 && source->ssrc == ssrc)
            return source;
    return NULL;
}

/* RFC 3711 appendix A, but a rollover counter of 0 has none before it. */
uint64_t relay_source_guess(const struct relay_source *source, uint16_t sequence)
{
    if (source == NULL || !source->has_rtp)
        return sequence;
    uint32_t rollovers = (uint32_t)(source->index >> 16);
    int highest = (uint16_t)source->index;
    if (highest < 32768 && sequence - highest > 32768 && rollovers > 0)
        rollovers--;
    else if (highest >= 32768 && highest - 32768 > sequence)
        rollovers++;
    return (uint64_t)rollovers << 16 | sequence;
}

static bool seen(const uint64_t window[2], uint64_t highest, uint64_t index)
{
    if (index > highest)
        return false;
    uint64_t age = highest - index;
    return age >= RELAY_WINDOW || (window[age >> 6] >> (age & 63) & 1) != 0;
}

bool relay_source_replayed(const struct relay_source *source, bool rtcp, uint64_t index)
{
    if (source == NULL)
        return false;
    if (rtcp)
        return source->has_rtcp && seen(source->rtcp_window, source->rtcp_index, index);
    return source->has_rtp && seen(source->window, source->index, index);
}

static void shift(uint64_t window[2], uint64_t by)
{
    if (by >= RELAY_WINDOW) {
        window[0] = window[1] = 0;
    } else if (by >= 64) {
        window[1] = window[0] << (by - 64);
        window[0] = 0;
    } else if (by > 0) {
        window[1] = window[1] << by | window[0] >> (64 - by);
        window[0] <<= by;
    }
}

/* Returns the highest index now. */
static uint64_t mark(uint64_t window[2], bool known, uint64_t highest, uint64_t index)
{
    if (!known) {
        window[0] = window[1] = 0;
        highest = index;
    } else if (index > highest) {
        shift(window, index - highest);
        highest = index;
    }
    uint64_t age = highest - index;
    window[age >> 6] |= (uint64_t)1 << (age & 63);
    return highest;
}

/* A way's places are taken in their order, and never given up. */
bool relay_way_is_full(const struct relay_way_state *state) { return state->source[RELAY_SOURCES - 1].used != 0; }

static uint32_t count_of(const struct relay_retired *retired)
{
    return retired == NULL || retired->count > RELAY_RETIRED ? 0 : retired->count; /* more: damaged */
}

static uint32_t place_of(const struct relay_retired *retired, uint32_t number, uint32_t ssrc)
{
    uint32_t place = 0, count = count_of(retired);
    while (place < count && (retired->source[place].ssrc != ssrc || retired->source[place].number != number))
        place++;
    return place;
}

struct relay_source *relay_source_recall(const struct relay_way_state *state, const struct relay_retired *retired, uint32_t ssrc,
                                         struct relay_source *again)
{
    if (!relay_way_is_full(state))
        return NULL;
    uint32_t place = place_of(retired, state->number, ssrc);
    if (place == count_of(retired))
        return NULL;
    const struct relay_retired_source *known = &retired->source[place];
    *again = (struct relay_source){.index = known->index, .ssrc = ssrc, .rtcp_index = known->rtcp_index,
                                   .has_rtp = known->has_rtp, .has_rtcp = known->has_rtcp};
    memset(again->window, 0xff, sizeof again->window); /* of what was before, any may have been seen */
    memset(again->rtcp_window, 0xff, sizeof again->rtcp_window);
    return again;
}

bool relay_source_fits(const struct relay_way_state *state, const struct relay_retired *retired)
{
    return !relay_way_is_full(state) || (retired != NULL && count_of(retired) < RELAY_RETIRED);
}

void relay_retired_forget(struct relay_retired *retired, uint32_t number)
{
    uint32_t left = 0;
    for (uint32_t place = 0; place < count_of(retired); place++)
        if (retired->source[place].number != number)
            retired->source[left++] = retired->source[place];
    retired->count = left;
}

/* In the place of ``returning``, if that is there. */
static void retire(struct relay_retired *retired, uint32_t number, const struct relay_source *source, uint32_t returning)
{
    if (retired == NULL)
        return;
    uint32_t place = place_of(retired, number, returning), count = count_of(retired);
    if (place == RELAY_RETIRED)
        place = retired->turn++ % RELAY_RETIRED;
    else if (place == count)
        retired->count = count + 1;
    retired->source[place] = (struct relay_retired_source){.index = source->index, .ssrc = source->ssrc, .number = number,
                                                           .rtcp_index = source->rtcp_index, .has_rtp = source->has_rtp,
                                                           .has_rtcp = source->has_rtcp};
}

static struct relay_source *take(struct relay_way_state *state, struct relay_retired *retired, const struct relay_source *newcomer)
{
    struct relay_source *oldest = state->source;
    for (struct relay_source *source = state->source; source < state->source + RELAY_SOURCES; source++)
        if (source->used < oldest->used)
            oldest = source;
    if (oldest->used != 0)
        retire(retired, state->number, oldest, newcomer->ssrc);
    *oldest = *newcomer;
    return oldest;
}

void relay_source_commit(struct relay_way_state *state, struct relay_retired *retired, struct relay_source *source, uint32_t ssrc,
                         bool rtcp, uint64_t index)
{
    const struct relay_source fresh = {.ssrc = ssrc};
    if (source == NULL || source->used == 0)
        source = take(state, retired, source != NULL ? source : &fresh);
    if (rtcp) {
        source->rtcp_index = (uint32_t)mark(source->rtcp_window, source->has_rtcp, source->rtcp_index, index);
        source->has_rtcp = 1;
    } else {
        source->index = mark(source->window, source->has_rtp, source->index, index);
        source->has_rtp = 1;
    }
    if (source->used == 0 || state->source + state->last != source) {
        source->used = ++state->turn;
        state->last = (uint32_t)(source - state->source);
    }
}
