/* RTP and RTCP as far as a relay looks at them: classification, sequence, loss and jitter of RFC 3550. No I/O, no clock. */
#ifndef RELAY_RTP_H
#define RELAY_RTP_H

#include "relay_table.h"

#define RELAY_RTP_HEADER 12
#define RELAY_RTCP_HEADER 8

enum relay_packet_type { RELAY_MALFORMED, RELAY_IS_RTP, RELAY_IS_RTCP };

/* What a datagram is. ``rtcp_socket``: it came where only RTCP belongs; ``mux``: both may come (RFC 5761). */
enum relay_packet_type relay_classify(const uint8_t *data, size_t size, bool rtcp_socket, bool mux);

/* Takes the feedback (RFC 4585 section 6) out of a compound packet of RTCP. Its size then; 0: nothing is left that is a packet with
 * an SSRC. */
size_t relay_rtcp_without_feedback(uint8_t *data, size_t size);

static inline uint32_t relay_word_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static inline uint16_t relay_rtp_sequence(const uint8_t *data) { return (uint16_t)(data[2] << 8 | data[3]); }
static inline uint32_t relay_rtp_ssrc(const uint8_t *data) { return relay_word_at(data + 8); }

/* Counts a well-formed RTP packet into the flow's sequence, loss and jitter. ``clock_hz`` 0: unknown, no jitter. True: numbers
 * before it are missing. */
bool relay_flow_rtp(struct relay_flow *flow, const uint8_t *data, uint64_t now_ns, uint32_t clock_hz);

/* RFC 3550 A.3 over all sources of the flow so far; negative when there were duplicates. */
int64_t relay_flow_lost(const struct relay_flow *flow);

/* RFC 3550 A.8 in timestamp units. */
static inline uint32_t relay_flow_jitter(const struct relay_flow *flow) { return flow->jitter >> 4; }

/* The clock of a static payload type (RFC 3551 tables 4 and 5); 0: dynamic or unassigned. */
uint32_t relay_static_clock_hz(uint8_t payload_type);

#endif
