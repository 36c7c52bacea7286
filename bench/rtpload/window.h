/* What is measured: packets sent in a window of time and, of those, what arrived and how late. */
#ifndef RTPLOAD_WINDOW_H
#define RTPLOAD_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_STEPS 128 /* of latency in each power of two: less than 0.8 % apart */
#define WINDOW_BUCKETS (34 * WINDOW_STEPS) /* up to 2^40 ns */

struct window {
    uint64_t first_ns, last_ns; /* UINT64_MAX: not yet */
    uint64_t sent, received, send_errors;
    uint64_t waited_ns; /* for the next packet's time: all else is work, which a hyperthread beside it feels most */
    uint64_t late;      /* sent more than 1 ms after its time: our own fault */
    uint64_t relayed;   /* arrived in the window, whenever sent: what the relay's time was spent on */
    uint32_t latency[WINDOW_BUCKETS];
};

/* What else is known of a window. */
struct costs {
    uint64_t relay_ns, steal_ms, stall_ns;
};

void window_open(struct window *window);
void window_count(struct window *window, uint64_t sent_ns, uint64_t received_ns);

/* One JSON object on a line; its latencies are [ns, packets], ns being where a bucket begins. */
void window_print(const struct window *window, size_t group, const struct costs *costs);

static inline bool window_measures(const struct window *window, uint64_t now_ns)
{
    return now_ns >= window->first_ns && window->last_ns == UINT64_MAX;
}

#endif
