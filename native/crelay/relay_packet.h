/* The way of one packet without its sockets: may it pass, what does it count, where does it go. The thread's part. */
#ifndef RELAY_PACKET_H
#define RELAY_PACKET_H

#include "relay_crypto.h"
#include "relay_fast.h"
#include "relay_own.h"

/* What arrived; what leaves is made of it in place. */
struct relay_datagram {
    uint8_t *data; /* with RELAY_SRTP_ROOM bytes of ours after it */
    size_t size;
    union relay_address source;
    const struct relay_taping *taping; /* of the stream, when a leg of it is taped */
    struct relay_inbox *inbox;         /* for DTLS; NULL: nobody has it */
    uint32_t leg;                      /* relay_leg_index */
    const struct relay_own *own;       /* whose packets nobody is learned from; NULL: no such */
    const struct relay_ice_record *ice; /* of the stream, looked at for a leg of that mode only */
    struct relay_fast_place fast;      /* where the stream's RTP is relayed, and counted, as long as nothing odd comes */
};

/* Where an accepted packet leaves, and whose counters learn how that went. Valid until the next packet. */
struct relay_route {
    int fd;
    int component; /* of the other side, which it leaves by */
    const union relay_address *to;
    struct relay_flow *flow;
    struct relay_rare *rare;
    bool latched; /* the packet made its side's address known */
    bool early;   /* dropped, and to be kept until it can be judged */
    union relay_address scratch;
};

/* Checks, learns and counts what side ``side`` sent to its socket of ``component``. False: dropped, and counted as what.
 * The source is checked first: a stranger's packet is counted as such whatever it holds and teaches nothing; nor does one that
 * does not authenticate; what may be kept (relay_early.h) is not counted. The payload of a silenced side is overwritten. ``crypto`` NULL: neither side has SRTP. */
bool relay_packet(struct relay_stream *stream, struct relay_crypto *crypto, int component, int side,
                  struct relay_datagram *datagram, uint64_t now_ns, struct relay_route *route);

/* The other side's socket and address for what arrived as ``component`` (RTCP of a muxed side: RTCP). */
bool relay_find_way(struct relay_stream *stream, int component, int side, struct relay_route *route);

/* The clock of what a side sends; 0: unknown. */
uint32_t relay_clock_hz(const struct relay_stream *stream, int side, uint8_t payload_type);

/* How sending went. */
static inline void relay_packet_sent(const struct relay_route *route, bool sent)
{
    if (sent)
        relay_count(route->flow->forwarded, 1);
    else
        relay_count(route->rare->send_errors, 1);
}

#endif
