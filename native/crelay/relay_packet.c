#include "relay_packet.h"

#include "relay_report.h"
#include "relay_rtp.h"
#include "relay_taping.h"

#define RELEARN_DISTANCE 536
#define GRACE (4000000000u >> RELAY_PAST_SHIFT) /* since the last packet from there */

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

enum standing { STRANGER, KNOWN, NEWCOMER, MOVED };

static struct relay_leg *leg_of(struct relay_stream *stream, int component, int side)
{
    return &stream->component[component][side].leg;
}

static void leg_changed(struct relay_stream *stream, int component, int side)
{
    relay_put(stream->rare[component][side].latch_checksum, relay_leg_checksum(leg_of(stream, component, side)));
}

/* A peer sends from where it was until it has learned that its new address was taken (RFC 3264 section 8.3.1). */
static void keep_past(struct relay_stream *stream, int component, int side, const union relay_address *next)
{
    struct relay_past *past = &stream->past[component][side];
    const union relay_address *remote = &leg_of(stream, component, side)->remote;
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
    struct relay_leg *leg = leg_of(stream, component, side);
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

static inline void leg_current(struct relay_stream *stream, int component, int side)
{
    const struct relay_leg *leg = leg_of(stream, component, side);
    if (unlikely(relay_get(leg->setting_sequence) != leg->taken))
        relay_leg_refresh(stream, component, side);
}

static void forget_latch(struct relay_stream *stream, int component, int side)
{
    struct relay_leg *leg = leg_of(stream, component, side);
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->latched, RELAY_NOT_LATCHED);
    relay_write_end(&leg->latch_sequence);
    relay_leg_refresh(stream, component, side);
}

/* Whether the address is the one signalled, which a peer that was learned elsewhere may come back to. */
static bool is_given(struct relay_stream *stream, int component, int side, const union relay_address *source)
{
    const struct relay_leg *leg = leg_of(stream, component, side);
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
    struct relay_leg *leg = leg_of(stream, RELAY_RTCP_COMPONENT, side);
    forget_latch(stream, RELAY_RTCP_COMPONENT, side);
    if (leg->mode != RELAY_HANDOVER)
        return;
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->learn_family, (uint8_t)host->family);
    relay_words_put(leg->learn, host->bytes, sizeof host->bytes);
    relay_write_end(&leg->latch_sequence);
    leg_changed(stream, RELAY_RTCP_COMPONENT, side);
}

static void latch(struct relay_stream *stream, int component, int side, const union relay_address *source)
{
    struct relay_leg *leg = leg_of(stream, component, side);
    struct relay_host host;
    bool given = is_given(stream, component, side, source);
    bool moved = leg->latched != RELAY_NOT_LATCHED;
    relay_address_host(source, &host);
    relay_write_begin(&leg->latch_sequence);
    relay_put(leg->latched, given ? RELAY_LATCHED_GIVEN : RELAY_LATCHED_ELSEWHERE);
    relay_put(leg->learn_family, (uint8_t)host.family);
    relay_words_put(leg->learn, host.bytes, sizeof host.bytes);
    relay_words_put(&leg->remote, source, sizeof *source);
    relay_write_end(&leg->latch_sequence);
    leg_changed(stream, component, side);
    memset(&stream->past[component][side], 0, sizeof stream->past[component][side]);
    if (moved && component == RELAY_RTP_COMPONENT)
        follow_rtp(stream, side, &host);
}

const union relay_address *relay_rtcp_remote(const struct relay_leg *rtp, const struct relay_leg *rtcp,
                                             union relay_address *scratch)
{
    bool given = relay_address_known(&rtcp->remote);
    if (rtcp->latched != RELAY_NOT_LATCHED || (given && rtp->latched != RELAY_LATCHED_ELSEWHERE))
        return &rtcp->remote;
    if (relay_address_known(&rtp->remote) && relay_address_next_port(&rtp->remote, scratch))
        return scratch;
    return given ? &rtcp->remote : NULL;
}

static const union relay_address *rtp_remote(const struct relay_leg *rtp)
{
    return relay_address_known(&rtp->remote) ? &rtp->remote : NULL;
}

static enum standing judge_by_rules(struct relay_stream *stream, int component, int side, const union relay_address *source)
{
    const struct relay_leg *rtp = leg_of(stream, RELAY_RTP_COMPONENT, side);
    const struct relay_leg *leg = leg_of(stream, component, side);
    const struct relay_leg *rules = leg->mode == RELAY_UNSET ? rtp : leg; /* RTCP nobody spoke of follows RTP's rules */
    const union relay_address *expected;
    union relay_address scratch;
    switch (rules->mode) {
    case RELAY_FIXED:
        expected = component == RELAY_RTP_COMPONENT ? rtp_remote(leg) : relay_rtcp_remote(rtp, leg, &scratch);
        return expected != NULL && relay_address_same(expected, source) ? KNOWN : STRANGER;
    case RELAY_SYMMETRIC:
    case RELAY_HANDOVER:
        return relay_address_on(source, rules->learn, rules->learn_family) ? NEWCOMER : STRANGER;
    case RELAY_ASYMMETRIC:
        return relay_address_on(source, rules->learn, rules->learn_family) ? KNOWN : STRANGER;
    case RELAY_ANY:
        return NEWCOMER;
    default:
        return STRANGER;
    }
}

static enum standing judge_unlatched(struct relay_stream *stream, int component, int side, const union relay_address *source,
                                     uint64_t now_ns)
{
    enum standing standing = judge_by_rules(stream, component, side, source);
    if (standing != KNOWN && in_grace(&stream->past[component][side], source, now_ns))
        return KNOWN; /* and teaches nothing: the next one from the new address does */
    return standing;
}

static enum standing judge(struct relay_stream *stream, int component, int side, const union relay_address *source,
                           uint64_t now_ns)
{
    const struct relay_leg *leg = leg_of(stream, component, side);
    if (leg->latched == RELAY_NOT_LATCHED)
        return judge_unlatched(stream, component, side, source, now_ns);
    if (likely(relay_address_same(&leg->remote, source)))
        return KNOWN;
    return leg->mode == RELAY_HANDOVER || relay_address_on(source, leg->learn, leg->learn_family) ? MOVED : STRANGER;
}

/* From another port of the host a side was learned from (RELAY_HANDOVER: or from another host): the same sender, near where it was,
 * behind a NAT that changed its mind. */
static bool may_move(struct relay_stream *stream, int component, int side, enum relay_packet_type type, const uint8_t *data,
                     const union relay_address *source)
{
    const struct relay_flow *flow = &stream->component[component][side].flow;
    if (type == RELAY_IS_RTP && flow->started && relay_rtp_ssrc(data) == flow->ssrc) {
        int distance = (int16_t)(relay_rtp_sequence(data) - (uint16_t)flow->extended_max);
        if (distance >= -RELEARN_DISTANCE && distance <= RELEARN_DISTANCE)
            return true;
    }
    return is_given(stream, component, side, source);
}

static uint32_t clock_hz(const struct relay_stream *stream, int side, uint8_t payload_type)
{
    if (payload_type < 128 - RELAY_DYNAMIC_TYPES)
        return relay_static_clock_hz(payload_type);
    return relay_get(stream->clock[side][payload_type - (128 - RELAY_DYNAMIC_TYPES)]) * (uint32_t)RELAY_CLOCK_UNIT_HZ;
}

static void count(struct relay_stream *stream, int component, int side, enum relay_packet_type type, bool opaque,
                  const uint8_t *data, size_t size, uint64_t now_ns)
{
    struct relay_flow *flow = &stream->component[component][side].flow;
    if (unlikely(flow->packets == 0))
        relay_put(stream->rare[component][side].first_ns, now_ns);
    relay_count(flow->packets, 1);
    relay_count(flow->bytes, size);
    relay_put(flow->last_ns, now_ns);
    if (opaque)
        return;
    if (type == RELAY_IS_RTP) {
        if (unlikely(relay_flow_rtp(flow, data, now_ns, clock_hz(stream, side, data[1] & 0x7f))))
            relay_count(stream->rare[component][side].gaps, 1);
    } else {
        relay_put(flow->ssrc, relay_word_at(data + 4));
        relay_put(flow->payload_type, data[1]);
        relay_report_read(&stream->report[side], &stream->report[!side], data, size, now_ns);
    }
}

/* The other side's socket and address for what arrived as ``component`` (RTCP of a muxed side: RTCP). */
static bool find_way(struct relay_stream *stream, int component, int side, struct relay_route *route)
{
    int other = !side;
    struct relay_leg *rtp = leg_of(stream, RELAY_RTP_COMPONENT, other);
    if (component == RELAY_RTP_COMPONENT || (relay_get(rtp->flags) & RELAY_FLAG_MUX) != 0) {
        leg_current(stream, RELAY_RTP_COMPONENT, other);
        route->fd = rtp->fd;
        route->to = rtp_remote(rtp);
    } else {
        leg_current(stream, RELAY_RTP_COMPONENT, other);
        leg_current(stream, RELAY_RTCP_COMPONENT, other);
        route->fd = leg_of(stream, RELAY_RTCP_COMPONENT, other)->fd;
        route->to = relay_rtcp_remote(rtp, leg_of(stream, RELAY_RTCP_COMPONENT, other), &route->scratch);
    }
    return route->fd >= 0 && route->to != NULL;
}

/* Puts silence in the place of G.711; what we can't write is not sent, and the receiver conceals it. */
static bool silence(uint8_t *data, size_t size)
{
    static const uint8_t silent[] = {[0] = 0xff, [8] = 0xd5}; /* mu-law and A-law of the smallest sample */
    uint8_t payload_type = data[1] & 0x7f;
    size_t header = RELAY_RTP_HEADER + 4 * (size_t)(data[0] & 0x0f);
    if ((payload_type != 0 && payload_type != 8) || (data[0] & 0x10) != 0)
        return false;
    memset(data + header, silent[payload_type], size - header);
    data[0] &= (uint8_t)~0x20; /* no padding: its count is silence now, too */
    return true;
}

/* What control holds back of a packet that was accepted and counted. */
static bool may_leave(const struct relay_stream *stream, int side, uint8_t flags, bool rtp, uint8_t *data, size_t size)
{
    if ((flags & RELAY_FLAG_BLOCKED) != 0)
        return false;
    if (!rtp)
        return true;
    int dynamic = (data[1] & 0x7f) - (128 - RELAY_DYNAMIC_TYPES);
    if ((flags & RELAY_FLAG_TYPES) != 0 && dynamic >= 0 && (relay_get(stream->blocked_types[side]) >> dynamic & 1) != 0)
        return false;
    return (flags & RELAY_FLAG_SILENCED) == 0 || silence(data, size);
}

/* What such a side sends proves by itself who sent it. */
static bool must_authenticate(const struct relay_crypto *crypto, int side)
{
    return crypto != NULL && crypto->way[side][RELAY_RECEIVE] != NULL;
}

/* Takes the sending side's protection off. Without a key there is none. */
static bool unprotect(struct relay_stream *stream, const struct relay_crypto *crypto, int component, int side, bool rtcp,
                      struct relay_datagram *datagram)
{
    struct relay_srtp_record *record = crypto->record;
    struct relay_flow *flow = &stream->component[rtcp ? RELAY_RTCP_COMPONENT : component][side].flow;
    size_t size = datagram->size;
    if (!must_authenticate(crypto, side))
        return true;
    switch (relay_srtp_unprotect(crypto->way[side][RELAY_RECEIVE], &record->way[side][RELAY_RECEIVE], rtcp, datagram->data,
                                 &datagram->size)) {
    case RELAY_SRTP_DONE:
        relay_count(flow->bytes, size - datagram->size); /* the rest with the packet */
        return true;
    case RELAY_SRTP_REPLAYED:
        relay_count(record->replayed[component][side], 1);
        return false;
    default:
        relay_count(record->auth_failed[component][side], 1);
        return false;
    }
}

/* Puts the protection of the side opposite to ``side`` on what that sent. */
static bool protect(const struct relay_crypto *crypto, int component, int side, struct relay_datagram *datagram,
                    const struct relay_route *route)
{
    struct relay_srtp_record *record = crypto->record;
    if (crypto->way[!side][RELAY_SEND] == NULL)
        return true;
    switch (relay_srtp_protect(crypto->way[!side][RELAY_SEND], &record->way[!side][RELAY_SEND],
                               component == RELAY_RTCP_COMPONENT, datagram->data, &datagram->size)) {
    case RELAY_SRTP_DONE:
        return true;
    case RELAY_SRTP_REPLAYED:
        relay_count(record->replayed[component][side], 1);
        return false;
    default:
        relay_count(route->rare->send_errors, 1);
        return false;
    }
}

bool relay_packet(struct relay_stream *stream, const struct relay_crypto *crypto, int component, int side,
                  struct relay_datagram *datagram, uint64_t now_ns, struct relay_route *route)
{
    const uint8_t flags = relay_get(leg_of(stream, component, side)->flags);
    const bool opaque = (flags & RELAY_FLAG_OPAQUE) != 0;
    uint8_t *data = datagram->data;
    enum relay_packet_type type = RELAY_IS_RTP;
    route->latched = false;
    leg_current(stream, component, side);
    if (unlikely(component == RELAY_RTCP_COMPONENT))
        leg_current(stream, RELAY_RTP_COMPONENT, side);

    enum standing standing = judge(stream, component, side, &datagram->source, now_ns);
    if (likely(standing != STRANGER && !opaque))
        type = relay_classify(data, datagram->size, component == RELAY_RTCP_COMPONENT, (flags & RELAY_FLAG_MUX) != 0);
    if (unlikely(standing == MOVED && type != RELAY_MALFORMED &&
                 !may_move(stream, component, side, type, data, &datagram->source) && !must_authenticate(crypto, side)))
        standing = STRANGER;
    if (unlikely(standing == STRANGER)) {
        relay_count(stream->rare[component][side].strangers, 1);
        return false;
    }
    if (unlikely(type == RELAY_MALFORMED)) {
        relay_count(stream->rare[component][side].malformed, 1);
        return false;
    }
    if (unlikely(crypto != NULL) && !unprotect(stream, crypto, component, side, type == RELAY_IS_RTCP, datagram))
        return false;
    if (unlikely(standing != KNOWN)) {
        latch(stream, component, side, &datagram->source);
        route->latched = true;
    }
    if (unlikely((flags & RELAY_FLAG_TAPED) != 0))
        relay_taping_put(datagram->taping, component, side, &datagram->source, data, datagram->size, now_ns);
    if (type == RELAY_IS_RTCP)
        component = RELAY_RTCP_COMPONENT;
    count(stream, component, side, type, opaque, data, datagram->size, now_ns);
    if (unlikely((flags & (RELAY_FLAG_BLOCKED | RELAY_FLAG_TYPES | RELAY_FLAG_SILENCED)) != 0) &&
        !may_leave(stream, side, flags, type == RELAY_IS_RTP && !opaque, data, datagram->size))
        return false;
    route->flow = &stream->component[component][side].flow;
    route->rare = &stream->rare[component][side];
    if (unlikely(!find_way(stream, component, side, route))) {
        relay_count(stream->rare[component][side].no_remote, 1);
        return false;
    }
    return likely(crypto == NULL) || protect(crypto, component, side, datagram, route);
}
