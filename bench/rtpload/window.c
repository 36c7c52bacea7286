#include "window.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

void window_open(struct window *window, size_t packets)
{
    *window = (struct window){.first_ns = UINT64_MAX, .last_ns = UINT64_MAX, .room = packets};
    window->latency_ns = calloc(packets, sizeof *window->latency_ns);
    if (window->latency_ns == NULL)
        die("memory");
    memset(window->latency_ns, 1, packets * sizeof *window->latency_ns); /* its pages are there before it counts */
}

void window_count(struct window *window, uint64_t sent_ns, uint64_t received_ns)
{
    window->relayed += received_ns >= window->first_ns && received_ns < window->last_ns;
    if (sent_ns < window->first_ns || sent_ns >= window->last_ns)
        return;
    uint64_t latency = received_ns > sent_ns ? received_ns - sent_ns : 0;
    if (window->received < window->room)
        window->latency_ns[window->received] = latency > UINT32_MAX ? UINT32_MAX : (uint32_t)latency;
    window->received++;
}

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

void window_print(struct window *window, const struct costs *costs)
{
    static const struct {
        const char *name;
        double share;
    } percentiles[] = {{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}, {"max_us", 1}};
    size_t count = window->received < window->room ? window->received : window->room;
    qsort(window->latency_ns, count, sizeof *window->latency_ns, ascending);
    printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"relayed\": %" PRIu64 ", \"send_errors\": %" PRIu64
           ", \"late\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"relay_cpu_ns\": %" PRIu64 ", \"own_cpu_ns\": %" PRIu64
           ", \"waited_ns\": %" PRIu64 ", \"window_ms\": %" PRIu64 ", \"steal_ms\": %" PRIu64,
           window->sent, window->received, window->relayed, window->send_errors, window->late, window->wrong, costs->relay_ns,
           costs->own_ns, window->waited_ns, (window->last_ns - window->first_ns) / 1000000, costs->steal_ms);
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++) {
        uint32_t latency = count == 0 ? 0 : window->latency_ns[(size_t)(percentiles[i].share * (double)(count - 1))];
        printf(", \"%s\": %.1f", percentiles[i].name, latency / 1000.0);
    }
    puts("}");
}
