#include "relay_packet.h"

#include "relay_early.h"
#include "relay_ice.h"
#include "relay_latch.h"
#include "relay_report.h"
#include "relay_rtp.h"
#include "relay_taping.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

uint32_t relay_clock_hz(const struct relay_stream *stream, int side, uint8_t payload_type)
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
        if (unlikely(relay_flow_rtp(flow, data, now_ns, relay_clock_hz(stream, side, data[1] & 0x7f))))
            relay_count(stream->rare[component][side].gaps, 1);
    } else {
        relay_put(flow->ssrc, relay_word_at(data + 4));
        relay_put(flow->payload_type, data[1]);
        const struct relay_report *other = relay_get(stream->reports) != 0 ? NULL : &stream->report[!side];
        relay_report_read(&stream->report[side], other, data, size, now_ns);
    }
}

bool relay_find_way(struct relay_stream *stream, int component, int side, struct relay_route *route)
{
    int other = !side;
    struct relay_leg *rtp = relay_leg_of(stream, RELAY_RTP_COMPONENT, other);
    if (component == RELAY_RTP_COMPONENT || (relay_get(rtp->flags) & RELAY_FLAG_MUX) != 0) {
        relay_leg_current(stream, RELAY_RTP_COMPONENT, other);
        route->component = RELAY_RTP_COMPONENT;
        route->fd = rtp->fd;
        route->to = relay_rtp_remote(rtp);
    } else {
        relay_leg_current(stream, RELAY_RTP_COMPONENT, other);
        relay_leg_current(stream, RELAY_RTCP_COMPONENT, other);
        route->component = RELAY_RTCP_COMPONENT;
        route->fd = relay_leg_of(stream, RELAY_RTCP_COMPONENT, other)->fd;
        route->to = relay_rtcp_remote(rtp, relay_leg_of(stream, RELAY_RTCP_COMPONENT, other), &route->scratch);
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

#define HELD_BACK (RELAY_FLAG_BLOCKED | RELAY_FLAG_TYPES | RELAY_FLAG_SILENCED | RELAY_FLAG_FEEDBACK)

/* What control holds back of a packet that was accepted and counted. */
static bool may_leave(const struct relay_stream *stream, int side, uint8_t flags, enum relay_packet_type type,
                      struct relay_datagram *datagram)
{
    uint8_t *data = datagram->data;
    if ((flags & (RELAY_FLAG_BLOCKED | RELAY_FLAG_OPAQUE)) != 0)
        return (flags & RELAY_FLAG_BLOCKED) == 0;
    if (type == RELAY_IS_RTCP) {
        if (relay_get(stream->reports) != 0 && !relay_rtcp_is_feedback(data, datagram->size))
            return false;
        if ((flags & RELAY_FLAG_FEEDBACK) != 0)
            datagram->size = relay_rtcp_without_feedback(data, datagram->size);
        return datagram->size > 0;
    }
    int dynamic = (data[1] & 0x7f) - (128 - RELAY_DYNAMIC_TYPES);
    if ((flags & RELAY_FLAG_TYPES) != 0 && dynamic >= 0 && (relay_get(stream->blocked_types[side]) >> dynamic & 1) != 0)
        return false;
    return (flags & RELAY_FLAG_SILENCED) == 0 || silence(data, datagram->size);
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
    if (!must_authenticate(crypto, side) && !crypto->dtls[side].on)
        return true;
    if (!must_authenticate(crypto, side)) { /* nothing shows yet whose it is */
        relay_count(record->auth_failed[component][side], 1);
        return false;
    }
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

/* RTP that the fast path left to us, or a side that moved: there the stream would not be told of it. */
static void leave_fast(struct relay_stream *stream, const struct relay_fast_place *place)
{
    uint8_t *odd = &place->fast->odd[place->stream];
    relay_fast_leave(place->fast, place->stream, stream);
    relay_put(*odd, (uint8_t)(*odd + (*odd < UINT8_MAX)));
}

/* Puts the protection of the side opposite to ``side`` on what that sent. */
static bool protect(const struct relay_crypto *crypto, int component, int side, struct relay_datagram *datagram,
                    const struct relay_route *route)
{
    struct relay_srtp_record *record = crypto->record;
    if (relay_crypto_waits(crypto, !side, RELAY_SEND)) {
        relay_count(route->rare->no_remote, 1);
        return false;
    }
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

/* Of a leg of ICE, what is not from where its party is. */
static enum relay_standing passed_check(const struct relay_datagram *datagram, int component, int side, uint8_t flags)
{
    const bool elsewhere = component == RELAY_RTCP_COMPONENT && (flags & RELAY_FLAG_MUX) != 0; /* RTCP comes to the port of RTP */
    return !elsewhere && relay_ice_has_passed(datagram->ice, component, side, &datagram->source) ? RELAY_KNOWN : RELAY_STRANGER;
}

/* DTLS, of a side that has it with us: it goes to the application. Who might be the party after a move is heard on its host only. */
static bool take_dtls(struct relay_stream *stream, struct relay_crypto *crypto, int component, int side, enum relay_standing standing,
                      const struct relay_datagram *datagram, uint64_t now_ns)
{
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    if (component != RELAY_RTP_COMPONENT || crypto == NULL || !crypto->dtls[side].on || datagram->inbox == NULL ||
        !relay_is_dtls(datagram->data, datagram->size))
        return false;
    if (standing == RELAY_MOVED && !relay_address_on(&datagram->source, leg->learn, leg->learn_family) &&
        !relay_is_given(stream, component, side, &datagram->source))
        relay_count(stream->rare[component][side].strangers, 1);
    else
        relay_inbox_put(datagram->inbox, &crypto->dtls[side], datagram->leg, &datagram->source, datagram->data, datagram->size, now_ns);
    return true;
}

bool relay_packet(struct relay_stream *stream, struct relay_crypto *crypto, int component, int side,
                  struct relay_datagram *datagram, uint64_t now_ns, struct relay_route *route)
{
    const uint8_t flags = relay_get(relay_leg_of(stream, component, side)->flags);
    const bool opaque = (flags & RELAY_FLAG_OPAQUE) != 0;
    uint8_t *data = datagram->data;
    enum relay_packet_type type = RELAY_IS_RTP;
    route->latched = route->early = false;
    relay_leg_current(stream, component, side);
    if (unlikely(component == RELAY_RTCP_COMPONENT))
        relay_leg_current(stream, RELAY_RTP_COMPONENT, side);

    enum relay_standing standing = relay_judge(stream, component, side, &datagram->source, now_ns);
    if (unlikely(standing != RELAY_KNOWN && relay_leg_of(stream, component, side)->mode == RELAY_ICE))
        standing = passed_check(datagram, component, side, flags);
    if (likely(standing != RELAY_STRANGER && !opaque))
        type = relay_classify(data, datagram->size, component == RELAY_RTCP_COMPONENT, (flags & RELAY_FLAG_MUX) != 0);
    if (unlikely(standing == RELAY_MOVED && type != RELAY_MALFORMED &&
                 !relay_may_move(stream, component, side, type, data, &datagram->source) && !must_authenticate(crypto, side)))
        standing = RELAY_STRANGER;
    if (unlikely(standing == RELAY_NEWCOMER || standing == RELAY_MOVED) && relay_own_has(datagram->own, &datagram->source) &&
        !relay_is_given(stream, component, side, &datagram->source))
        standing = RELAY_STRANGER;
    if (unlikely(standing == RELAY_STRANGER)) {
        route->early = relay_early_may_wait(stream, component, side);
        if (!route->early)
            relay_count(stream->rare[component][side].strangers, 1);
        return false;
    }
    if (unlikely(type == RELAY_MALFORMED)) {
        if (!take_dtls(stream, crypto, component, side, standing, datagram, now_ns))
            relay_count(stream->rare[component][side].malformed, 1);
        return false;
    }
    if (unlikely(crypto != NULL) && !unprotect(stream, crypto, component, side, type == RELAY_IS_RTCP, datagram))
        return false;
    if (unlikely(datagram->fast.fast != NULL) && component == RELAY_RTP_COMPONENT && (type == RELAY_IS_RTP || standing != RELAY_KNOWN))
        leave_fast(stream, &datagram->fast);
    if (unlikely(standing != RELAY_KNOWN)) {
        relay_latch(stream, component, side, &datagram->source);
        route->latched = true;
    }
    if (unlikely((flags & RELAY_FLAG_TAPED) != 0))
        relay_taping_put(datagram->taping, component, side, &datagram->source, data, datagram->size, now_ns);
    if (type == RELAY_IS_RTCP)
        component = RELAY_RTCP_COMPONENT;
    count(stream, component, side, type, opaque, data, datagram->size, now_ns);
    if (unlikely((flags & HELD_BACK) != 0 || type == RELAY_IS_RTCP) && !may_leave(stream, side, flags, type, datagram))
        return false;
    route->flow = &stream->component[component][side].flow;
    route->rare = &stream->rare[component][side];
    if (unlikely(!relay_find_way(stream, component, side, route))) {
        relay_count(stream->rare[component][side].no_remote, 1);
        return false;
    }
    return likely(crypto == NULL) || protect(crypto, component, side, datagram, route);
}
