/* The fast path as the relay sees it: streams whose RTP the kernel relays by itself (native/bpf/relay_fast.c), and the maps by which
 * it is told of them. A stream enters and leaves in its own thread, both sides at once, so its counters have one writer. */
#ifndef RELAY_FAST_H
#define RELAY_FAST_H

#include "relay_fast_leg.h"
#include "relay_table.h"

#define RELAY_FAST_INTERFACES 16

/* Why a stream is not on it. */
enum relay_fast_refusal {
    RELAY_FAST_UNSETTLED, /* not both sides have sent RTP and are known */
    RELAY_FAST_TREATED,   /* the thread has something to do with what it carries */
    RELAY_FAST_CHAINED,   /* a side is another stream of ours */
    RELAY_FAST_ROUTE,     /* no way between its sides leads by interfaces of ours */
    RELAY_FAST_PACKET,    /* a packet took it off; it waits for another attempt */
    RELAY_FAST_BUSY,      /* something waited in its sockets, or the kernel had no room */
    RELAY_FAST_REFUSALS,
};

struct relay_fast_interface {
    uint32_t number;
    uint32_t mtu;
};

struct relay_fast {
    int pairs;                   /* a map, from struct relay_fast_pair to a leg's number; ours */
    int legs_fd;                 /* a map that is an array of legs; ours */
    struct relay_fast_leg *legs; /* the same, by stream and side */
    size_t size;
    uint8_t *odd; /* by stream: how often a packet took it off; thread, control once it is gone */
    uint8_t *refusal; /* by stream: enum relay_fast_refusal; control */
    int changes;  /* netlink: readable when routes, addresses or links changed; control */
    int queries;  /* netlink, for routes; control */
    uint32_t scans;  /* control, as all below */
    uint32_t next;   /* stream that is looked at next */
    uint32_t left;   /* of this scan, streams not yet looked at */
    uint32_t stale;  /* from ``next`` on, streams whose routes may have changed */
    struct relay_fast_interface interface[RELAY_FAST_INTERFACES]; /* that the program is at */
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

/* Where a way out leads: RELAY_NO_WAY also where packets of RELAY_FAST_BYTES are too long for it. */
enum relay_way_out { RELAY_NO_WAY, RELAY_WAY_LOCAL, RELAY_WAY_INTERFACE };
enum relay_way_out relay_fast_route(const struct relay_fast *fast, const struct relay_fast_pair *way, uint8_t traffic_class,
                                    uint32_t *interface);
bool relay_fast_routes_changed(struct relay_fast *fast); /* since it was last asked */
bool relay_fast_open_routes(struct relay_fast *fast);
uint32_t relay_fast_mtu(const struct relay_fast *fast, uint32_t interface); /* 0: there is no such interface */

#endif
