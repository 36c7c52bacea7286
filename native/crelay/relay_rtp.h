/* What a datagram is, and RTCP as far as a relay changes it. What is counted of RTP: relay_flow.h. No I/O, no clock. */
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

/* Whether a compound packet of RTCP has feedback, and no sender report. */
bool relay_rtcp_is_feedback(const uint8_t *data, size_t size);

#endif
