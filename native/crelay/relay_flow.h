/* What is counted of the RTP one component receives: sequence, loss and jitter of RFC 3550. No I/O, no clock, and nothing of the
 * C library, because the kernel counts by it, too (native/bpf/relay_fast.c). */
#ifndef RELAY_FLOW_H
#define RELAY_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#define RELAY_CLOCK_UNIT_HZ 25 /* clock rates are kept in this unit: 90 kHz and 11025 Hz both fit 16 bits */

/* RFC 3550 A.1 */
#define RELAY_MAX_DROPOUT 3000
#define RELAY_MAX_MISORDER 100

/* Single words that one side writes and others read. */
#ifdef __bpf__
#define relay_get(field) (*(const volatile __typeof__(field) *)&(field))
#define relay_put(field, value) (*(volatile __typeof__(field) *)&(field) = (value))
#else
#define relay_get(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define relay_put(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#endif
#define relay_count(field, n) relay_put(field, (field) + (n)) /* by the field's only writer */

/* What one component received: one line, written by the thread, or by the kernel while the stream is on the fast path. */
struct relay_flow {
    uint64_t packets; /* accepted */
    uint64_t bytes;
    uint64_t forwarded;
    uint64_t last_ns;
    uint32_t ssrc;
    uint32_t extended_max; /* RFC 3550 A.1: cycles and the highest sequence number */
    uint32_t received;     /* since base_sequence */
    int32_t lost_before;   /* of sources and runs before this one */
    uint32_t transit;      /* RFC 3550 A.8 */
    uint32_t jitter;       /* RFC 3550 A.8, times 16 */
    uint16_t base_sequence;
    uint16_t bad_sequence; /* the number that would prove a restart; valid when ``suspect`` */
    uint8_t payload_type;
    uint8_t started; /* a source is known */
    uint8_t suspect;
    uint8_t timed; /* transit is valid */
};

static inline uint32_t relay_word_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static inline uint16_t relay_rtp_sequence(const uint8_t *data) { return (uint16_t)(data[2] << 8 | data[3]); }
static inline uint32_t relay_rtp_ssrc(const uint8_t *data) { return relay_word_at(data + 8); }

/* The clock of a static payload type (RFC 3551 tables 4 and 5); 0: dynamic or unassigned. */
static inline uint32_t relay_static_clock_hz(uint8_t payload_type)
{
    static const uint16_t clocks[64] = {
        [0] = 320, [3] = 320, [4] = 320, [5] = 320, [6] = 640, [7] = 320, [8] = 320, [9] = 320, [10] = 1764,
        [11] = 1764, [12] = 320, [13] = 320, [14] = 3600, [15] = 320, [16] = 441, [17] = 882, [18] = 320,
        [25] = 3600, [26] = 3600, [28] = 3600, [31] = 3600, [32] = 3600, [33] = 3600, [34] = 3600,
    };
    return payload_type < 64 ? clocks[payload_type] * RELAY_CLOCK_UNIT_HZ : 0;
}

static inline int64_t relay_flow_run_lost(const struct relay_flow *flow)
{
    return (int64_t)flow->extended_max - flow->base_sequence + 1 - flow->received;
}

/* RFC 3550 A.3 over all sources of the flow so far; negative when there were duplicates. */
static inline int64_t relay_flow_lost(const struct relay_flow *flow)
{
    return flow->started ? flow->lost_before + relay_flow_run_lost(flow) : 0;
}

/* RFC 3550 A.8 in timestamp units. */
static inline uint32_t relay_flow_jitter(const struct relay_flow *flow) { return flow->jitter >> 4; }

static inline void relay_flow_start_run(struct relay_flow *flow, uint16_t sequence)
{
    relay_put(flow->base_sequence, sequence);
    relay_put(flow->extended_max, sequence);
    relay_put(flow->received, 0);
    relay_put(flow->suspect, 0);
}

/* RFC 3550 A.1 without probation: the packet's address is the proof of its source. */
static inline bool relay_flow_sequence(struct relay_flow *flow, uint16_t sequence)
{
    uint16_t delta = (uint16_t)(sequence - (uint16_t)flow->extended_max);
    if (delta < RELAY_MAX_DROPOUT) {
        relay_put(flow->extended_max, flow->extended_max + delta);
        relay_put(flow->suspect, 0);
    } else if (delta <= 65536 - RELAY_MAX_MISORDER) {
        if (!flow->suspect || sequence != flow->bad_sequence) {
            relay_put(flow->bad_sequence, (uint16_t)(sequence + 1));
            relay_put(flow->suspect, 1);
            return false;
        }
        relay_put(flow->lost_before, (int32_t)(flow->lost_before + relay_flow_run_lost(flow)));
        relay_flow_start_run(flow, sequence); /* two in a row far away: the sender restarted */
    }
    relay_put(flow->received, flow->received + 1);
    return true;
}

/* A moment in timestamp units modulo 2^32, from nanoseconds without a division by what isn't known before. */
static inline uint32_t relay_rtp_time(uint64_t now_ns, uint32_t clock_hz)
{
    uint64_t per_ns = ((uint64_t)clock_hz << 32) / 1000000000u; /* of 2^32; less than that for any clock */
    return (uint32_t)((now_ns >> 32) * per_ns + ((now_ns & UINT32_MAX) * per_ns >> 32));
}

/* RFC 3550 A.8. */
static inline void relay_flow_jump(struct relay_flow *flow, uint32_t timestamp, uint64_t now_ns, uint32_t clock_hz)
{
    uint32_t transit = relay_rtp_time(now_ns, clock_hz) - timestamp;
    if (flow->timed) {
        int32_t difference = (int32_t)(transit - flow->transit);
        uint32_t distance = difference < 0 ? -(uint32_t)difference : (uint32_t)difference;
        if (distance < clock_hz) /* a second or more is no delay: the sender counts anew (another announcement, a hold) */
            relay_put(flow->jitter, flow->jitter + distance - ((flow->jitter + 8) >> 4));
    }
    relay_put(flow->transit, transit);
    relay_put(flow->timed, 1);
}

/* Counts a well-formed RTP packet into the flow's sequence, loss and jitter. ``clock_hz`` 0: unknown, no jitter. True: numbers
 * before it are missing. */
static inline bool relay_flow_rtp(struct relay_flow *flow, const uint8_t *data, uint64_t now_ns, uint32_t clock_hz)
{
    uint32_t ssrc = relay_rtp_ssrc(data);
    uint8_t payload_type = data[1] & 0x7f;
    if (!flow->started || ssrc != flow->ssrc) {
        if (flow->started)
            relay_put(flow->lost_before, (int32_t)(flow->lost_before + relay_flow_run_lost(flow)));
        relay_flow_start_run(flow, relay_rtp_sequence(data));
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
    if (relay_flow_sequence(flow, relay_rtp_sequence(data)) && clock_hz != 0)
        relay_flow_jump(flow, relay_word_at(data + 4), now_ns, clock_hz);
    return (int32_t)(flow->extended_max - expected) > 0 && flow->received > 1;
}

_Static_assert(sizeof(struct relay_flow) == 64, "a flow is one cache line");

#endif
