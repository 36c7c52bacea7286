#include "relay_rtp.h"

/* Packet types of RFC 4585 section 6.1. */
enum { TRANSPORT_FEEDBACK = 205, PAYLOAD_FEEDBACK = 206 };

/* RFC 3550 A.1 */
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100

static bool is_rtcp_type(uint8_t type) { return type >= 192 && type <= 223; } /* RFC 5761 section 4 */

/* RFC 3550 section 5.1: fixed header, CSRC list, extension. The padding count may be encrypted, so it is not looked at. */
static bool rtp_fits(const uint8_t *data, size_t size)
{
    size_t need = RELAY_RTP_HEADER + 4 * (size_t)(data[0] & 0x0f);
    if ((data[0] & 0x10) == 0)
        return size >= need;
    if (size < need + 4)
        return false;
    return size >= need + 4 + 4 * (size_t)(data[need + 2] << 8 | data[need + 3]);
}

/* RFC 3550 section 6.4.1: the first packet of the compound; SRTCP encrypts what follows its first eight bytes. */
static bool rtcp_fits(const uint8_t *data, size_t size)
{
    return size >= 4 + 4 * (size_t)(data[2] << 8 | data[3]);
}

enum relay_packet_type relay_classify(const uint8_t *data, size_t size, bool rtcp_socket, bool mux)
{
    if (size < RELAY_RTCP_HEADER || data[0] >> 6 != 2)
        return RELAY_MALFORMED;
    if (is_rtcp_type(data[1]) && (rtcp_socket || mux))
        return rtcp_fits(data, size) ? RELAY_IS_RTCP : RELAY_MALFORMED;
    if (rtcp_socket || size < RELAY_RTP_HEADER)
        return RELAY_MALFORMED;
    if (data[1] >= 200 && data[1] <= 204)
        return RELAY_MALFORMED; /* RTCP without mux: RFC 3551 section 6 reserves 72 to 76 so that it is known */
    return rtp_fits(data, size) ? RELAY_IS_RTP : RELAY_MALFORMED;
}

size_t relay_rtcp_without_feedback(uint8_t *data, size_t size)
{
    size_t kept = 0, at = 0;
    while (size - at >= 4) {
        size_t length = 4 + 4 * (size_t)(data[at + 2] << 8 | data[at + 3]);
        if (length > size - at)
            break;
        if (data[at + 1] != TRANSPORT_FEEDBACK && data[at + 1] != PAYLOAD_FEEDBACK) {
            memmove(data + kept, data + at, length);
            kept += length;
        }
        at += length;
    }
    memmove(data + kept, data + at, size - at); /* what is no packet */
    size_t left = kept + size - at;
    return kept > 0 && left >= RELAY_RTCP_HEADER ? left : 0;
}

static void start_run(struct relay_flow *flow, uint16_t sequence)
{
    relay_put(flow->base_sequence, sequence);
    relay_put(flow->extended_max, sequence);
    relay_put(flow->received, 0);
    relay_put(flow->suspect, 0);
}

static int64_t run_lost(const struct relay_flow *flow)
{
    return (int64_t)flow->extended_max - flow->base_sequence + 1 - flow->received;
}

/* RFC 3550 A.1 without probation: the packet's address is the proof of its source. */
static bool count_sequence(struct relay_flow *flow, uint16_t sequence)
{
    uint16_t delta = (uint16_t)(sequence - (uint16_t)flow->extended_max);
    if (delta < MAX_DROPOUT) {
        relay_put(flow->extended_max, flow->extended_max + delta);
        relay_put(flow->suspect, 0);
    } else if (delta <= 65536 - MAX_MISORDER) {
        if (!flow->suspect || sequence != flow->bad_sequence) {
            relay_put(flow->bad_sequence, (uint16_t)(sequence + 1));
            relay_put(flow->suspect, 1);
            return false;
        }
        relay_put(flow->lost_before, (int32_t)(flow->lost_before + run_lost(flow)));
        start_run(flow, sequence); /* two in a row far away: the sender restarted */
    }
    relay_put(flow->received, flow->received + 1);
    return true;
}

/* RFC 3550 A.8; the arrival in timestamp units modulo 2^32, from nanoseconds without a division. */
static void count_jitter(struct relay_flow *flow, uint32_t timestamp, uint64_t now_ns, uint32_t clock_hz)
{
    uint64_t per_ns = ((uint64_t)clock_hz << 32) / 1000000000u;
    uint32_t transit = (uint32_t)(((unsigned __int128)now_ns * per_ns) >> 32) - timestamp;
    if (flow->timed) {
        int32_t difference = (int32_t)(transit - flow->transit);
        uint32_t distance = difference < 0 ? -(uint32_t)difference : (uint32_t)difference;
        relay_put(flow->jitter, flow->jitter + distance - ((flow->jitter + 8) >> 4));
    }
    relay_put(flow->transit, transit);
    relay_put(flow->timed, 1);
}

bool relay_flow_rtp(struct relay_flow *flow, const uint8_t *data, uint64_t now_ns, uint32_t clock_hz)
{
    uint32_t ssrc = relay_rtp_ssrc(data);
    uint8_t payload_type = data[1] & 0x7f;
    if (!flow->started || ssrc != flow->ssrc) {
        if (flow->started)
            relay_put(flow->lost_before, (int32_t)(flow->lost_before + run_lost(flow)));
        start_run(flow, relay_rtp_sequence(data));
        relay_put(flow->ssrc, ssrc);
        relay_put(flow->started, 1);
        relay_put(flow->timed, 0);
        relay_put(flow->jitter, 0);
    }
    if (payload_type != flow->payload_type) {
        relay_put(flow->payload_type, payload_type);
        relay_put(flow->timed, 0); /* its clock may be another one */
    }
    uint32_t expected = flow->extended_max + 1;
    if (count_sequence(flow, relay_rtp_sequence(data)) && clock_hz != 0)
        count_jitter(flow, relay_word_at(data + 4), now_ns, clock_hz);
    return (int32_t)(flow->extended_max - expected) > 0 && flow->received > 1;
}

int64_t relay_flow_lost(const struct relay_flow *flow)
{
    return flow->started ? flow->lost_before + run_lost(flow) : 0;
}

uint32_t relay_static_clock_hz(uint8_t payload_type)
{
    static const uint16_t clocks[35] = {
        [0] = 320, [3] = 320, [4] = 320, [5] = 320, [6] = 640, [7] = 320, [8] = 320, [9] = 320, [10] = 1764,
        [11] = 1764, [12] = 320, [13] = 320, [14] = 3600, [15] = 320, [16] = 441, [17] = 882, [18] = 320,
        [25] = 3600, [26] = 3600, [28] = 3600, [31] = 3600, [32] = 3600, [33] = 3600, [34] = 3600,
    };
    return payload_type < 35 ? clocks[payload_type] * RELAY_CLOCK_UNIT_HZ : 0;
}
