#include "window.h"

#include <inttypes.h>
#include <stdio.h>

void window_open(struct window *window)
{
    *window = (struct window){.first_ns = UINT64_MAX, .last_ns = UINT64_MAX};
}

/* Whole below WINDOW_STEPS, from there on so many steps to each power of two. */
static size_t bucket_of(uint64_t latency_ns)
{
    unsigned shift = latency_ns < WINDOW_STEPS ? 0 : (unsigned)(63 - __builtin_clzll(latency_ns / WINDOW_STEPS));
    size_t bucket = shift * WINDOW_STEPS + (size_t)(latency_ns >> shift);
    return bucket < WINDOW_BUCKETS ? bucket : WINDOW_BUCKETS - 1;
}

static uint64_t begin_of(size_t bucket)
{
    if (bucket < 2 * WINDOW_STEPS)
        return bucket;
    size_t shift = bucket / WINDOW_STEPS - 1;
    return (uint64_t)(bucket - shift * WINDOW_STEPS) << shift;
}

void window_count(struct window *window, uint64_t sent_ns, uint64_t received_ns)
{
    window->relayed += received_ns >= window->first_ns && received_ns < window->last_ns;
    if (sent_ns < window->first_ns || sent_ns >= window->last_ns)
        return;
    window->latency[bucket_of(received_ns > sent_ns ? received_ns - sent_ns : 0)]++;
    window->received++;
}

void window_print(const struct window *window, size_t group, const struct costs *costs)
{
    const char *comma = "";
    printf("{\"group\": %zu, \"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"relayed\": %" PRIu64 ", \"send_errors\": %" PRIu64
           ", \"late\": %" PRIu64 ", \"relay_cpu_ns\": %" PRIu64 ", \"waited_ns\": %" PRIu64 ", \"window_ns\": %" PRIu64
           ", \"steal_ms\": %" PRIu64 ", \"stall_ns\": %" PRIu64 ", \"latency_ns\": [",
           group, window->sent, window->received, window->relayed, window->send_errors, window->late, costs->relay_ns,
           window->waited_ns, window->last_ns - window->first_ns, costs->steal_ms, costs->stall_ns);
    for (size_t i = 0; i < WINDOW_BUCKETS; i++)
        if (window->latency[i] != 0) {
            printf("%s[%" PRIu64 ", %" PRIu32 "]", comma, begin_of(i), window->latency[i]);
            comma = ", ";
        }
    puts("]}");
}
