#include "relay_report.h"

#include "relay_rtp.h"

#define SENDER_REPORT 200
#define RECEIVER_REPORT 201
#define BLOCK_BYTES 24
#define MAX_ROUND_TRIP_S 10u /* more is a report on an old one */
#define MAX_ROUND_TRIP_NS (MAX_ROUND_TRIP_S * UINT64_C(1000000000))

static void note_sender(struct relay_report *own, const uint8_t *packet, uint64_t now_ns)
{
    own->sent = relay_word_at(packet + 8) << 16 | relay_word_at(packet + 12) >> 16;
    own->sent_ns = now_ns;
}

/* On a report of ours: its timestamp says when it was sent. */
static void read_own_block(struct relay_report *own, uint32_t last, uint32_t held, uint64_t now_ns)
{
    uint32_t round_trip = (uint32_t)(relay_ntp(now_ns) >> 16) - last - held;
    if (last != 0 && round_trip <= MAX_ROUND_TRIP_S << 16)
        relay_put(own->round_trip_us, (uint32_t)(round_trip * UINT64_C(1000000) >> 16) + 1);
}

static void read_block(struct relay_report *own, const struct relay_report *other, const uint8_t *block, uint64_t now_ns)
{
    uint32_t last = relay_word_at(block + 16);
    uint64_t held_ns = relay_word_at(block + 20) * UINT64_C(1000000000) >> 16;
    if (other == NULL) {
        read_own_block(own, last, relay_word_at(block + 20), now_ns);
        return;
    }
    if (last == 0 || last != other->sent || now_ns < other->sent_ns + held_ns)
        return;
    uint64_t round_trip_ns = now_ns - other->sent_ns - held_ns;
    if (round_trip_ns <= MAX_ROUND_TRIP_NS)
        relay_put(own->round_trip_us, (uint32_t)(round_trip_ns / 1000) + 1);
}

static void read_packet(struct relay_report *own, const struct relay_report *other, const uint8_t *packet, size_t size,
                        uint64_t now_ns)
{
    size_t head = packet[1] == SENDER_REPORT ? 28 : 8;
    if ((packet[1] != SENDER_REPORT && packet[1] != RECEIVER_REPORT) || size < head)
        return;
    if (packet[1] == SENDER_REPORT)
        note_sender(own, packet, now_ns);
    for (int block = 0; block < (packet[0] & 0x1f) && size >= head + BLOCK_BYTES; block++, head += BLOCK_BYTES)
        read_block(own, other, packet + head, now_ns);
}

void relay_report_read(struct relay_report *own, const struct relay_report *other, const uint8_t *data, size_t size,
                       uint64_t now_ns)
{
    while (size >= RELAY_RTCP_HEADER) {
        size_t length = 4 + 4 * (size_t)(data[2] << 8 | data[3]);
        if (length > size)
            return;
        read_packet(own, other, data, length, now_ns);
        data += length;
        size -= length;
    }
}
