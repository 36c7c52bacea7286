/* Where a side is, who may say so, and how that is learned. The thread's part; of nobody else's but relay_rtcp_remote. */
#ifndef RELAY_LATCH_H
#define RELAY_LATCH_H

#include "relay_packet.h"
#include "relay_rtp.h"

enum relay_standing { RELAY_STRANGER, RELAY_KNOWN, RELAY_NEWCOMER, RELAY_MOVED };

/* Takes a changed setting over, and with it forgets what was learned. */
void relay_leg_refresh(struct relay_stream *stream, int component, int side);

/* The same where the setting has changed. What was kept for the stream goes by the new one first (relay_early.h). */
static inline void relay_leg_current(struct relay_stream *stream, int component, int side)
{
    const struct relay_leg *leg = relay_leg_of(stream, component, side);
    if (__builtin_expect(relay_get(leg->setting_sequence) != leg->taken, 0) && relay_get(stream->early) == 0)
        relay_leg_refresh(stream, component, side);
}

/* What a packet from that source is to a side. A newcomer, and one who moved and may, is learned by relay_latch. */
enum relay_standing relay_judge(struct relay_stream *stream, int component, int side, const union relay_address *source,
                                uint64_t now_ns);

/* Whether the address is the one signalled, which a peer that was learned elsewhere may come back to. */
bool relay_is_given(struct relay_stream *stream, int component, int side, const union relay_address *source);

/* From another port of the host a side was learned from (RELAY_HANDOVER: or from another host): the same sender, near where it
 * was, behind a NAT that changed its mind. */
bool relay_may_move(struct relay_stream *stream, int component, int side, enum relay_packet_type type, const uint8_t *data,
                    const union relay_address *source);

/* From now on the side is there, and strictly. */
void relay_latch(struct relay_stream *stream, int component, int side, const union relay_address *source);

/* The same, whoever says so: nothing else follows from it. */
void relay_put_there(struct relay_stream *stream, int component, int side, const union relay_address *address);

/* Where RTP for that side goes. NULL: nowhere yet. */
static inline const union relay_address *relay_rtp_remote(const struct relay_leg *rtp)
{
    return relay_address_known(&rtp->remote) ? &rtp->remote : NULL;
}

/* Where RTCP for that side goes: its learned address, the one given, or the port after its RTP (RFC 3550 section 11) when
 * nothing was given or RTP came from elsewhere than announced; of ICE only where it was nominated, or given. NULL: nowhere yet. */
const union relay_address *relay_rtcp_remote(const struct relay_leg *rtp, const struct relay_leg *rtcp,
                                             union relay_address *scratch);

#endif
