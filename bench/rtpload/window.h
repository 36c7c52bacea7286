/* What is measured: packets sent in a window of time and, of those, what arrived and how late. */
#ifndef RTPLOAD_WINDOW_H
#define RTPLOAD_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window {
    uint64_t first_ns, last_ns; /* UINT64_MAX: not yet */
    uint64_t sent, received, send_errors;
    uint64_t waited_ns; /* for the next packet's time: all else is work, which a hyperthread beside it feels most */
    uint64_t late;    /* sent more than 1 ms after its time: our own fault */
    uint64_t relayed; /* arrived in the window, whenever sent: what the relay's time was spent on */
    uint64_t wrong;   /* ends whose last packet is not what their peer sent */
    uint32_t *latency_ns;
    size_t room;
};

/* What the measured process and this one used meanwhile. */
struct costs {
    uint64_t relay_ns, own_ns, steal_ms;
};

void window_open(struct window *window, size_t packets); /* room for so many latencies */
void window_count(struct window *window, uint64_t sent_ns, uint64_t received_ns);
void window_print(struct window *window, const struct costs *costs); /* one JSON object */

static inline bool window_measures(const struct window *window, uint64_t now_ns)
{
    return now_ns >= window->first_ns && window->last_ns == UINT64_MAX;
}

#endif
