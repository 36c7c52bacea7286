#include "relay_rtp.h"

/* Packet types of RFC 3550 section 12.1 and RFC 4585 section 6.1. */
enum { SENDER_REPORT = 200, TRANSPORT_FEEDBACK = 205, PAYLOAD_FEEDBACK = 206 };

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

bool relay_rtcp_is_feedback(const uint8_t *data, size_t size)
{
    bool found = false;
    while (size >= 4) {
        size_t length = 4 + 4 * (size_t)(data[2] << 8 | data[3]);
        if (length > size || data[1] == SENDER_REPORT)
            return false;
        found |= data[1] == TRANSPORT_FEEDBACK || data[1] == PAYLOAD_FEEDBACK;
        data += length;
        size -= length;
    }
    return found;
}
