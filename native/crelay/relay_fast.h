/* The fast path as the relay sees it: streams whose RTP the kernel relays by itself (native/bpf/relay_fast.c), and the maps by which
 * it is told of them. A stream enters and leaves in its own thread, both sides at once, so its counters have one writer. */
#ifndef RELAY_FAST_H
#define RELAY_FAST_H

#include "relay_fast_leg.h"
#include "relay_table.h"

#define RELAY_FAST_INTERFACES 16

struct relay_fast {
    int pairs;                   /* a map, from struct relay_fast_pair to a leg's number; ours */
    int legs_fd;                 /* a map that is an array of legs; ours */
    struct relay_fast_leg *legs; /* the same, by stream and side */
    size_t size;
    uint8_t *odd; /* by stream: how often a packet took it off; thread, control once it is gone */
    int changes;  /* netlink: readable when routes, addresses or links changed; control */
    int queries;  /* netlink, for routes; control */
    uint32_t scans;  /* control */
    uint32_t interface[RELAY_FAST_INTERFACES]; /* that the program is at; control */
    uint32_t interfaces;
};

/* A stream that is on it, or nothing when ``fast`` is NULL. */
struct relay_fast_place {
    struct relay_fast *fast;
    uint32_t stream;
};

/* Of copies of both maps, which are emptied: they may be those of a relay that was killed. RELAY_ERROR_FAST: they are not such
 * maps, or too small for ``capacity`` streams. */
enum relay_error relay_fast_open(struct relay_fast **fast, int pairs, int legs, uint32_t capacity);
void relay_fast_close(struct relay_fast *fast); /* the kernel relays nothing of it any more; NULL: nothing */
void relay_fast_abandon(struct relay_fast *fast); /* in a forked process: they stay */

/* False: there is no room for more interfaces. */
bool relay_fast_add_interface(struct relay_fast *fast, uint32_t interface);

static inline struct relay_fast_leg *relay_fast_leg_of(const struct relay_fast *fast, uint32_t stream, int side)
{
    return &fast->legs[stream * RELAY_SIDES + (uint32_t)side];
}

static inline bool relay_fast_has(const struct relay_fast *fast, uint32_t stream)
{
    return fast != NULL && __atomic_load_n(&relay_fast_leg_of(fast, stream, 0)->on, __ATOMIC_ACQUIRE) != 0;
}

/* The thread's. ``plan``: what a leg has but its counters and clocks, by side. False: the kernel has no room. */
bool relay_fast_enter(struct relay_fast *fast, uint32_t stream, struct relay_stream *table, const struct relay_fast_leg plan[RELAY_SIDES]);
void relay_fast_leave(struct relay_fast *fast, uint32_t stream, struct relay_stream *table);

/* The thread's: the table's counters become those of now, for whoever judges a packet by them. */
void relay_fast_fetch(const struct relay_fast *fast, uint32_t stream, struct relay_stream *table);

/* Where a way out leads. */
enum relay_way_out { RELAY_NO_WAY, RELAY_WAY_LOCAL, RELAY_WAY_INTERFACE };
enum relay_way_out relay_fast_route(const struct relay_fast *fast, const union relay_address *from, const union relay_address *to,
                                    uint32_t *interface);
bool relay_fast_routes_changed(const struct relay_fast *fast); /* since it was last asked */
bool relay_fast_open_routes(struct relay_fast *fast);

#endif
