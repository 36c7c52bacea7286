#include "relay_latch.h"

#define likely(condition) __builtin_expect(!!(condition), 1)

#define RELEARN_DISTANCE 536
#define GRACE (4000000000u >> RELAY_PAST_SHIFT) /* since the last packet from there */

static void leg_changed(struct relay_stream *stream, int component, int side)
{
    relay_put(stream->rare[component][side].latch_checksum, relay_leg_checksum(relay_leg_of(stream, component, side)));
}

/* A peer sends from where it was until it has learned that its new address was taken (RFC 3264 section 8.3.1). */
static void keep_past(struct relay_stream *stream, int component, int side, const union relay_address *next)
{
    struct relay_past *past = &stream->past[component][side];
    const union relay_address *remote = &relay_leg_of(stream, component, side)->remote;
    if (!relay_address_known(next)) {
        memset(past, 0, sizeof *past);
    } else if (relay_address_known(remote) && !relay_address_same(remote, next)) {
        past->remote = *remote;
        past->until = (uint32_t)(stream->component[component][side].flow.last_ns >> RELAY_PAST_SHIFT) + GRACE;
    }
}

static bool in_grace(const struct relay_past *past, const union relay_address *source, uint64_t now_ns)
{
    return relay_address_known(&past->remote) && (int32_t)(past->until - (uint32_t)(now_ns >> RELAY_PAST_SHIFT)) > 0 &&
           relay_address_same(&past->remote, source);
}

void relay_leg_refresh(struct relay_stream *stream, int component, int side)
{
    struct relay_leg *leg = relay_leg_of(stream, component, side);
    struct relay_setting setting;
    uint32_t seen;
    if (!relay_read_begin(&leg->setting_sequence, &seen))
        return; /* being written: the packet goes by what was valid before */
    relay_words_get(&setting, &stream->setting[component][side], sizeof setting);
    if (!relay_read_end(&leg->setting_sequence, seen))
        return;
    keep_past(stream, component, side, &setting.remote);
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->mode, setting.mode);
    relay_put(leg->latched, RELAY_NOT_LATCHED);
    relay_put(leg->learn_family, setting.learn_family);
    relay_words_put(&leg->remote, &setting.remote, sizeof setting.remote);
    relay_words_put(leg->learn, setting.learn, sizeof setting.learn);
    relay_put(leg->taken, seen);
    relay_write_end(&leg->latch_sequence);
    leg_changed(stream, component, side);
}

static void forget_latch(struct relay_stream *stream, int component, int side)
{
    struct relay_leg *leg = relay_leg_of(stream, component, side);
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->latched, RELAY_NOT_LATCHED);
    relay_write_end(&leg->latch_sequence);
    relay_leg_refresh(stream, component, side);
}

bool relay_is_given(struct relay_stream *stream, int component, int side, const union relay_address *source)
{
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    union relay_address given;
    uint32_t seen;
    if (!relay_read_begin(&leg->setting_sequence, &seen))
        return false;
    relay_words_get(&given, &stream->setting[component][side].remote, sizeof given);
    return relay_read_end(&leg->setting_sequence, seen) && relay_address_same(&given, source);
}

/* The peer moved and its RTCP with it: that may be learned anew, where a whole host may change on the new one. */
static void follow_rtp(struct relay_stream *stream, int side, const struct relay_host *host)
{
    struct relay_leg *leg = relay_leg_of(stream, RELAY_RTCP_COMPONENT, side);
    forget_latch(stream, RELAY_RTCP_COMPONENT, side);
    if (leg->mode != RELAY_HANDOVER)
        return;
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->learn_family, (uint8_t)host->family);
    relay_words_put(leg->learn, host->bytes, sizeof host->bytes);
    relay_write_end(&leg->latch_sequence);
    leg_changed(stream, RELAY_RTCP_COMPONENT, side);
}

void relay_put_there(struct relay_stream *stream, int component, int side, const union relay_address *source)
{
    struct relay_leg *leg = relay_leg_of(stream, component, side);
    struct relay_host host;
    bool given = relay_is_given(stream, component, side, source);
    relay_address_host(source, &host);
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->latched, given ? RELAY_LATCHED_GIVEN : RELAY_LATCHED_ELSEWHERE);
    relay_put(leg->learn_family, (uint8_t)host.family);
    relay_words_put(leg->learn, host.bytes, sizeof host.bytes);
    relay_words_put(&leg->remote, source, sizeof *source);
    relay_write_end(&leg->latch_sequence);
    leg_changed(stream, component, side);
    memset(&stream->past[component][side], 0, sizeof stream->past[component][side]);
}

void relay_latch(struct relay_stream *stream, int component, int side, const union relay_address *source)
{
    bool moved = relay_leg_of(stream, component, side)->latched != RELAY_NOT_LATCHED;
    struct relay_host host;
    relay_address_host(source, &host);
    relay_put_there(stream, component, side, source);
    if (moved && component == RELAY_RTP_COMPONENT)
        follow_rtp(stream, side, &host);
}

const union relay_address *relay_rtcp_remote(const struct relay_leg *rtp, const struct relay_leg *rtcp,
                                             union relay_address *scratch)
{
    bool given = relay_address_known(&rtcp->remote);
    if (rtcp->mode == RELAY_ICE)
        return given ? &rtcp->remote : NULL;
    if (rtcp->latched != RELAY_NOT_LATCHED || (given && rtp->latched != RELAY_LATCHED_ELSEWHERE))
        return &rtcp->remote;
    if (relay_address_known(&rtp->remote) && relay_address_next_port(&rtp->remote, scratch))
        return scratch;
    return given ? &rtcp->remote : NULL;
}

static enum relay_standing judge_by_rules(struct relay_stream *stream, int component, int side,
                                          const union relay_address *source)
{
    const struct relay_leg *rtp = relay_leg_of(stream, RELAY_RTP_COMPONENT, side);
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    const struct relay_leg *rules = leg->mode == RELAY_UNSET ? rtp : leg; /* RTCP nobody spoke of follows RTP's rules */
    const union relay_address *expected;
    union relay_address scratch;
    switch (rules->mode) {
    case RELAY_FIXED:
    case RELAY_ICE: /* beside it, who passed a check (relay_ice_has_passed) */
        expected = component == RELAY_RTP_COMPONENT ? relay_rtp_remote(leg) : relay_rtcp_remote(rtp, leg, &scratch);
        return expected != NULL && relay_address_same(expected, source) ? RELAY_KNOWN : RELAY_STRANGER;
    case RELAY_SYMMETRIC:
    case RELAY_HANDOVER:
        return relay_address_on(source, rules->learn, rules->learn_family) ? RELAY_NEWCOMER : RELAY_STRANGER;
    case RELAY_ASYMMETRIC:
        return relay_address_on(source, rules->learn, rules->learn_family) ? RELAY_KNOWN : RELAY_STRANGER;
    case RELAY_ANY:
        return RELAY_NEWCOMER;
    default:
        return RELAY_STRANGER;
    }
}

static enum relay_standing judge_unlatched(struct relay_stream *stream, int component, int side,
                                           const union relay_address *source, uint64_t now_ns)
{
    enum relay_standing standing = judge_by_rules(stream, component, side, source);
    if (standing != RELAY_KNOWN && in_grace(&stream->past[component][side], source, now_ns))
        return RELAY_KNOWN; /* and teaches nothing: the next one from the new address does */
    return standing;
}

enum relay_standing relay_judge(struct relay_stream *stream, int component, int side, const union relay_address *source,
                                uint64_t now_ns)
{
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    if (component == RELAY_RTCP_COMPONENT && (relay_get(leg->flags) & RELAY_FLAG_MUX) != 0)
        return RELAY_STRANGER; /* the party sends its RTCP to the port of RTP (RFC 5761 section 5.1.1): here it is nobody's */
    if (leg->latched == RELAY_NOT_LATCHED)
        return judge_unlatched(stream, component, side, source, now_ns);
    if (likely(relay_address_same(&leg->remote, source)))
        return RELAY_KNOWN;
    if (leg->mode == RELAY_ICE)
        return RELAY_STRANGER; /* who passed a check is no stranger (relay_ice_has_passed), but moves nothing */
    bool may_be = leg->mode == RELAY_HANDOVER || relay_address_on(source, leg->learn, leg->learn_family);
    return may_be ? RELAY_MOVED : RELAY_STRANGER;
}

bool relay_may_move(struct relay_stream *stream, int component, int side, enum relay_packet_type type, const uint8_t *data,
                    const union relay_address *source)
{
    const struct relay_flow *flow = &stream->component[component][side].flow;
    if (type == RELAY_IS_RTP && flow->started && relay_rtp_ssrc(data) == flow->ssrc) {
        int distance = (int16_t)(relay_rtp_sequence(data) - (uint16_t)flow->extended_max);
        if (distance >= -RELEARN_DISTANCE && distance <= RELEARN_DISTANCE)
            return true;
    }
    return relay_is_given(stream, component, side, source);
}
