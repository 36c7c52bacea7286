#include "relay_ice.h"

#include "relay_latch.h"

#define ERRORS_A_SECOND 16
#define SECOND_NS 1000000000u
#define QUIET (3000000000u >> RELAY_PAST_SHIFT) /* without a check of the address in use another one may take its place */

uint32_t relay_ice_name(const uint8_t *fragment, size_t size)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ fragment[i]) * 16777619u;
    return sum == 0 ? 1 : sum;
}

static uint32_t moment(uint64_t now_ns) { return (uint32_t)(now_ns >> RELAY_PAST_SHIFT); }

static bool is_used(const struct relay_ice_pair *pair) { return relay_address_known(&pair->address); }

/* Of the party in effect, or of before its restart. */
static bool is_valid(const struct relay_ice_side *side, const struct relay_ice_pair *pair)
{
    return is_used(pair) && side->peer != 0 && (pair->peer == side->peer || pair->generation != side->generation);
}

static bool is_current(const struct relay_ice_side *side, const struct relay_ice_pair *pair)
{
    return is_valid(side, pair) && pair->generation == side->generation;
}

static struct relay_ice_pair *find(struct relay_ice_leg *leg, const union relay_address *address)
{
    for (int i = 0; i < RELAY_ICE_PAIRS; i++)
        if (is_used(&leg->pair[i]) && relay_address_same(&leg->pair[i].address, address))
            return &leg->pair[i];
    return NULL;
}

bool relay_ice_has_passed(const struct relay_ice_record *record, int component, int side, const union relay_address *source)
{
    const struct relay_ice_leg *leg = &record->leg[component][side];
    for (int i = 0; i < RELAY_ICE_PAIRS; i++)
        if (is_valid(&record->side[side], &leg->pair[i]) && relay_address_same(&leg->pair[i].address, source))
            return true;
    return false;
}

/* Whether ``a`` should give way before ``b``: first who is nobody's, then who was not nominated, then who was checked longest ago. */
static bool is_worse(const struct relay_ice_side *side, const struct relay_ice_pair *a, const struct relay_ice_pair *b)
{
    if (is_used(a) != is_used(b))
        return !is_used(a);
    if (is_current(side, a) != is_current(side, b))
        return !is_current(side, a);
    if (a->nominated != b->nominated)
        return !a->nominated;
    return (int32_t)(a->checked - b->checked) < 0;
}

/* Whose place another address may have: never that of the one in use. */
static struct relay_ice_pair *find_place(const struct relay_ice_side *side, struct relay_ice_leg *ice, const union relay_address *in_use)
{
    struct relay_ice_pair *worst = NULL;
    for (int i = 0; i < RELAY_ICE_PAIRS; i++) {
        struct relay_ice_pair *pair = &ice->pair[i];
        if (is_used(pair) && relay_address_same(&pair->address, in_use))
            continue;
        if (worst == NULL || is_worse(side, pair, worst))
            worst = pair;
    }
    return worst;
}

/* Whether media goes from ``before``, perhaps NULL, to ``next``, which was just nominated. The higher priority wins (RFC 8445 section 8.1.1 of
 * pairs, whose order is that of the party's candidates since we have one), but not for ever over one that is no longer checked. */
static bool wins(const struct relay_ice_side *side, const struct relay_ice_pair *before, const struct relay_ice_pair *next, uint64_t now_ns)
{
    if (before == NULL || !is_current(side, before) || !before->nominated)
        return true;
    return next->priority > before->priority || (int32_t)(moment(now_ns) - before->checked) > (int32_t)QUIET;
}

/* Addresses of before a restart are strangers' once it is done. */
static void forget_older(const struct relay_ice_side *side, struct relay_ice_leg *ice)
{
    for (int i = 0; i < RELAY_ICE_PAIRS; i++)
        if (is_used(&ice->pair[i]) && ice->pair[i].generation != side->generation)
            memset(&ice->pair[i], 0, sizeof ice->pair[i]);
}

static bool move_to(struct relay_stream *stream, struct relay_ice_record *record, int component, int side, const union relay_address *address)
{
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    const bool there = leg->latched != RELAY_NOT_LATCHED && relay_address_same(&leg->remote, address);
    if (!there)
        relay_put_there(stream, component, side, address);
    forget_older(&record->side[side], &record->leg[component][side]);
    return !there;
}

/* Notes who has passed a check. True: media goes there from now on. */
static bool note(struct relay_stream *stream, struct relay_ice_record *record, int component, int side, const struct relay_stun *stun,
                 uint32_t peer, const union relay_address *source, uint64_t now_ns)
{
    const struct relay_ice_side *party = &record->side[side];
    struct relay_ice_leg *ice = &record->leg[component][side];
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    struct relay_ice_pair *pair = find(ice, source);
    const struct relay_ice_pair *before = find(ice, &leg->remote);
    bool same = pair != NULL && pair->peer == peer && pair->generation == party->generation;
    bool moved = false;
    relay_write_begin(&ice->sequence);
    if (pair == NULL)
        pair = find_place(party, ice, &leg->remote);
    *pair = (struct relay_ice_pair){.address = *source, .priority = stun->priority, .checked = moment(now_ns), .peer = peer,
                                    .generation = party->generation, .nominated = stun->nominates || (same && pair->nominated)};
    if (stun->nominates && is_current(party, pair) && (pair == before || wins(party, before, pair, now_ns)))
        moved = move_to(stream, record, component, side, source);
    relay_write_end(&ice->sequence);
    return moved;
}

static uint32_t mark_of(const union relay_address *source)
{
    union relay_address bare = *source;
    if (source->any.sa_family == AF_INET)
        memset(&bare.word[2], 0, sizeof bare - 8); /* of which nothing is said behind family, port and host */
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < sizeof bare.word / sizeof *bare.word; i++)
        sum = (sum ^ bare.word[i]) * 16777619u;
    return sum;
}

/* Whether that transaction was another address's; if not, it is that one's. */
static bool is_replay(struct relay_ice_leg *ice, const struct relay_stun *stun, const union relay_address *source)
{
    const uint8_t *transaction = stun->data + RELAY_STUN_HEADER - RELAY_STUN_TRANSACTION;
    const uint32_t mark = mark_of(source), known = ice->checks < RELAY_ICE_CHECKS ? ice->checks : RELAY_ICE_CHECKS;
    for (uint32_t i = 0; i < known; i++)
        if (memcmp(ice->check[i].transaction, transaction, RELAY_STUN_TRANSACTION) == 0)
            return ice->check[i].source != mark;
    struct relay_ice_check *check = &ice->check[ice->checks % RELAY_ICE_CHECKS];
    memcpy(check->transaction, transaction, RELAY_STUN_TRANSACTION);
    check->source = mark;
    ice->checks++;
    return false;
}

static bool may_refuse(struct relay_ice_leg *ice, uint64_t now_ns)
{
    const uint32_t second = (uint32_t)(now_ns / SECOND_NS);
    if (ice->second != second) {
        ice->second = second;
        ice->errors = 0;
    }
    return ice->errors++ < ERRORS_A_SECOND;
}

/* An error is never longer than what it answers, and there are few of them: nobody gets others flooded by us. */
static enum relay_ice_outcome refuse(struct relay_ice_leg *ice, const struct relay_stun *stun, enum relay_stun_code code,
                                     const struct relay_stun_key *key, uint64_t now_ns, struct relay_ice_answer *answer)
{
    relay_count(ice->refused, 1);
    answer->size = relay_stun_refuse(stun, code, key, answer->data);
    return answer->size <= stun->size && may_refuse(ice, now_ns) ? RELAY_ICE_ANSWERED : RELAY_ICE_DROPPED;
}

/* A Binding request (RFC 8489 section 9.1.3, RFC 8445 section 7.3). */
static enum relay_ice_outcome answer_check(struct relay_stream *stream, struct relay_ice_record *record, int component, int side,
                                           const struct relay_stun *stun, const struct relay_datagram *datagram, uint64_t now_ns,
                                           struct relay_ice_answer *answer)
{
    const struct relay_ice_side *party = &record->side[side];
    const struct relay_stun_key key = {(const uint8_t *)party->password, party->password_bytes};
    struct relay_ice_leg *ice = &record->leg[component][side];
    const uint8_t *theirs;
    size_t size;
    if (stun->username == NULL || stun->integrity == 0)
        return refuse(ice, stun, RELAY_STUN_BAD_REQUEST, NULL, now_ns, answer);
    if (!relay_stun_names(stun, (const uint8_t *)party->ufrag, party->ufrag_bytes, &theirs, &size) || !relay_stun_proves(stun, &key))
        return refuse(ice, stun, RELAY_STUN_UNAUTHENTICATED, NULL, now_ns, answer);
    if (is_replay(ice, stun, &datagram->source)) {
        relay_count(ice->refused, 1);
        return RELAY_ICE_DROPPED;
    }
    if (stun->unknown_count > 0)
        return refuse(ice, stun, RELAY_STUN_UNKNOWN_ATTRIBUTE, &key, now_ns, answer);
    if (stun->controlled) /* a lite agent's tie-breaker is the lowest: only the other one may take the controlling role */
        return refuse(ice, stun, RELAY_STUN_ROLE_CONFLICT, &key, now_ns, answer);
    answer->moved = note(stream, record, component, side, stun, relay_ice_name(theirs, size), &datagram->source, now_ns);
    answer->size = relay_stun_accept(stun, &datagram->source, &key, answer->data);
    relay_count(ice->answered, 1);
    return RELAY_ICE_ANSWERED;
}

/* One that is nowhere yet does as soon as it has credentials: checks may come before its party has answered (RFC 8445 section 7.3). */
static bool speaks_ice(const struct relay_stream *stream, const struct relay_ice_record *record, int component, int side)
{
    const uint8_t mode = stream->component[component][side].leg.mode;
    return mode == RELAY_ICE || (mode == RELAY_UNSET && relay_get(stream->ice) != 0 && record->side[side].ufrag_bytes > 0);
}

enum relay_ice_outcome relay_ice_take(struct relay_stream *stream, struct relay_ice_record *record, int component, int side,
                                      const struct relay_datagram *datagram, uint64_t now_ns, struct relay_ice_answer *answer)
{
    struct relay_rare *rare = &stream->rare[component][side];
    struct relay_stun stun;
    relay_leg_current(stream, component, side);
    if (!speaks_ice(stream, record, component, side))
        return RELAY_ICE_NOT;
    answer->moved = false;
    if (!relay_stun_read(datagram->data, datagram->size, &stun)) {
        relay_count(rare->malformed, 1);
        return RELAY_ICE_DROPPED;
    }
    bool ours = relay_own_has(datagram->own, &datagram->source) && !relay_is_given(stream, component, side, &datagram->source);
    if (stun.type == RELAY_STUN_REQUEST && record->side[side].ufrag_bytes > 0 && !ours)
        return answer_check(stream, record, component, side, &stun, datagram, now_ns, answer);
    if (!relay_ice_has_passed(record, component, side, &datagram->source)) /* others send indications to keep NATs open */
        relay_count(rare->strangers, 1);
    return RELAY_ICE_DROPPED;
}

static const struct relay_ice_pair *best_of(const struct relay_ice_side *side, const struct relay_ice_leg *ice)
{
    const struct relay_ice_pair *best = NULL;
    for (int i = 0; i < RELAY_ICE_PAIRS; i++) {
        const struct relay_ice_pair *pair = &ice->pair[i];
        if (is_current(side, pair) && pair->nominated && (best == NULL || pair->priority > best->priority))
            best = pair;
    }
    return best;
}

static void settle_leg(struct relay_stream *stream, struct relay_ice_record *record, int component, int side)
{
    const struct relay_ice_side *party = &record->side[side];
    struct relay_ice_leg *ice = &record->leg[component][side];
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    relay_leg_current(stream, component, side);
    if (leg->mode != RELAY_ICE)
        return;
    const struct relay_ice_pair *now = find(ice, &leg->remote), *best = best_of(party, ice);
    if (now != NULL && is_current(party, now) && now->nominated)
        return;
    if (best != NULL)
        move_to(stream, record, component, side, &best->address);
    else if (leg->latched != RELAY_NOT_LATCHED && (now == NULL || !is_valid(party, now)))
        relay_leg_refresh(stream, component, side); /* whom it was is in effect no more */
}

void relay_ice_settle(struct relay_stream *stream, struct relay_ice_record *record, int side)
{
    for (int component = 0; component < RELAY_COMPONENTS; component++)
        settle_leg(stream, record, component, side);
}
