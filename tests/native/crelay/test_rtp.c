/* Sequence, loss and jitter arithmetic (RFC 3550 appendix A) with arrivals we choose, and classification at its edges. */
#include <string.h>

#include "../check.h"
#include "relay_rtp.h"

#define MS 1000000ull

static void packet(struct relay_flow *flow, uint16_t sequence, uint32_t timestamp, uint64_t now_ns, uint32_t clock_hz)
{
    const uint8_t data[12] = {0x80,
                              0,
                              (uint8_t)(sequence >> 8),
                              (uint8_t)sequence,
                              (uint8_t)(timestamp >> 24),
                              (uint8_t)(timestamp >> 16),
                              (uint8_t)(timestamp >> 8),
                              (uint8_t)timestamp,
                              0,
                              0,
                              0,
                              1};
    relay_flow_rtp(flow, data, now_ns, clock_hz);
}

static void sequence_wraps_and_counts_cycles(void)
{
    struct relay_flow flow = {0};
    for (uint32_t i = 0; i < 200000; i++)
        packet(&flow, (uint16_t)(65000 + i), 0, i, 0);
    CHECK(flow.extended_max == 65000 + 199999);
    CHECK(relay_flow_lost(&flow) == 0);
    packet(&flow, (uint16_t)(65000 + 200009), 0, 0, 0);
    CHECK(relay_flow_lost(&flow) == 9);
}

static void dropout_and_misorder_limits(void)
{
    struct relay_flow flow = {0};
    packet(&flow, 10000, 0, 0, 0);
    packet(&flow, 12999, 0, 0, 0); /* MAX_DROPOUT - 1: a gap */
    CHECK(relay_flow_lost(&flow) == 2998);
    packet(&flow, 15999, 0, 0, 0); /* MAX_DROPOUT: suspect, not counted */
    CHECK(flow.suspect && flow.received == 2);
    packet(&flow, 12900, 0, 0, 0); /* 99 behind: late */
    CHECK(flow.received == 3);
    packet(&flow, 12898, 0, 0, 0); /* 101 behind: suspect */
    CHECK(flow.received == 3 && flow.bad_sequence == 12899);
    packet(&flow, 12899, 0, 0, 0); /* 100 behind is as suspect, and the second in a row: a restart */
    CHECK(flow.base_sequence == 12899 && flow.received == 1);
}

static void restart_keeps_the_loss_before(void)
{
    struct relay_flow flow = {0};
    packet(&flow, 1, 0, 0, 0);
    packet(&flow, 4, 0, 0, 0);
    packet(&flow, 30000, 0, 0, 0);
    packet(&flow, 30001, 0, 0, 0);
    CHECK(flow.received == 1 && flow.lost_before == 2);
    CHECK(relay_flow_lost(&flow) == 2);
}

static void jitter_of_even_arrivals_is_nothing(void)
{
    struct relay_flow flow = {0};
    uint64_t years_ns = 5ull * 365 * 86400 * 1000 * MS; /* arrivals in timestamp units wrap many times */
    for (uint32_t i = 0; i < 1000; i++)
        packet(&flow, (uint16_t)i, UINT32_MAX - 5000 + i * 160, years_ns + i * 20 * MS, 8000);
    CHECK(relay_flow_jitter(&flow) <= 1);
}

static void jitter_follows_appendix_a8(void)
{
    const uint32_t clocks[] = {8000, 11025, 44100, 48000, 90000};
    for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++) {
        struct relay_flow flow = {0};
        double jitter = 0, before = 0;
        srand(7);
        for (uint32_t i = 0; i < 500; i++) {
            uint64_t arrival_ns = 1000000 * MS + i * 20 * MS + (uint64_t)(rand() % 5000) * 1000;
            uint32_t timestamp = i * (clocks[c] / 50);
            double transit = (double)arrival_ns * clocks[c] / 1e9 - timestamp;
            if (i > 0)
                jitter += ((transit > before ? transit - before : before - transit) - jitter) / 16;
            before = transit;
            packet(&flow, (uint16_t)i, timestamp, arrival_ns, clocks[c]);
        }
        double difference = relay_flow_jitter(&flow) - jitter;
        CHECK(difference > -2.5 && difference < 2.5);
    }
}

static void jitter_starts_anew_with_another_source(void)
{
    struct relay_flow flow = {0};
    const uint8_t other[12] = {0x80, 0, 0, 9, 0xff, 0xff, 0, 0, 0, 0, 0, 2};
    packet(&flow, 1, 0, 1000 * MS, 8000);
    packet(&flow, 2, 7000, 1020 * MS, 8000);
    CHECK(relay_flow_jitter(&flow) > 400);
    relay_flow_rtp(&flow, other, 1040 * MS, 8000);
    CHECK(relay_flow_jitter(&flow) == 0 && flow.ssrc == 2);
}

static void static_clocks_of_rfc_3551(void)
{
    CHECK(relay_static_clock_hz(0) == 8000 && relay_static_clock_hz(9) == 8000 && relay_static_clock_hz(18) == 8000);
    CHECK(relay_static_clock_hz(6) == 16000 && relay_static_clock_hz(10) == 44100 && relay_static_clock_hz(16) == 11025);
    CHECK(relay_static_clock_hz(17) == 22050 && relay_static_clock_hz(14) == 90000 && relay_static_clock_hz(34) == 90000);
    CHECK(relay_static_clock_hz(19) == 0 && relay_static_clock_hz(96) == 0 && relay_static_clock_hz(127) == 0);
}

static void classification(void)
{
    uint8_t data[64] = {0x80, 200, 0, 1};
    CHECK(relay_classify(data, 8, true, false) == RELAY_IS_RTCP);
    CHECK(relay_classify(data, 8, false, true) == RELAY_IS_RTCP);
    CHECK(relay_classify(data, 12, false, false) == RELAY_MALFORMED);
    CHECK(relay_classify(data, 7, true, false) == RELAY_MALFORMED);
    data[3] = 15;
    CHECK(relay_classify(data, 64, true, false) == RELAY_IS_RTCP);
    CHECK(relay_classify(data, 63, true, false) == RELAY_MALFORMED);
    data[1] = 192;
    CHECK(relay_classify(data, 64, false, false) == RELAY_IS_RTP);
    data[1] = 191;
    CHECK(relay_classify(data, 64, true, true) == RELAY_MALFORMED);
    CHECK(relay_classify(data, 64, false, true) == RELAY_IS_RTP);
    data[0] = 0x8d; /* thirteen CSRCs: 64 bytes */
    CHECK(relay_classify(data, 64, false, false) == RELAY_IS_RTP);
    CHECK(relay_classify(data, 63, false, false) == RELAY_MALFORMED);
    data[0] = 0x9c; /* twelve CSRCs and an empty extension: 64 bytes */
    CHECK(relay_classify(data, 64, false, false) == RELAY_IS_RTP);
    data[63] = 1;
    CHECK(relay_classify(data, 64, false, false) == RELAY_MALFORMED);
}

int main(void)
{
    sequence_wraps_and_counts_cycles();
    dropout_and_misorder_limits();
    restart_keeps_the_loss_before();
    jitter_of_even_arrivals_is_nothing();
    jitter_follows_appendix_a8();
    jitter_starts_anew_with_another_source();
    static_clocks_of_rfc_3551();
    classification();
    return 0;
}
