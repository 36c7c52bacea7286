/* What the relay and the program of its fast path (native/bpf/relay_fast.c) share. Hosts and ports are in network order, IPv4 hosts in
 * the first four bytes. */
#ifndef RELAY_FAST_LEG_H
#define RELAY_FAST_LEG_H

#include "relay_flow.h"

#define RELAY_FAST_BYTES 1280    /* IP packets longer than that are left to sockets, which know of path MTUs */
#define RELAY_FAST_TYPES 32      /* payload types 96 to 127, whose clocks are the session's */

enum { RELAY_FAST_IPV4 = 4, RELAY_FAST_IPV6 = 6 };

/* One of our ports and who is at the other end of it: by this the program knows the packets of a leg. */
struct relay_fast_pair {
    uint8_t local[16];
    uint8_t remote[16];
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t version; /* of IP */
};

/* What one side of a stream sends as RTP, by stream and side. While it is ``on``, the relay reads only and the program writes
 * ``gaps`` and ``flow``. */
struct relay_fast_leg {
    struct relay_fast_pair out; /* of the other side: from where and to whom packets leave */
    uint32_t address_sum;       /* RFC 1071: what the exchange of hosts adds to a checksum */
    uint32_t interface;         /* packets leave by it; 0: they stay on this machine */
    uint32_t on;
    uint8_t traffic_class;
    uint8_t hop_limit;
    uint8_t priority; /* of queues at the interface, as the other side's socket has it */
    uint8_t unused;
    uint32_t gaps;    /* runs of missing sequence numbers, since it is on */
    uint32_t arrives; /* the interface that the side's packets come in by */
    struct relay_flow flow;
    uint16_t clock[RELAY_FAST_TYPES]; /* RELAY_CLOCK_UNIT_HZ; 0 unknown */
};

_Static_assert(sizeof(struct relay_fast_pair) == 40, "no byte of a key is without a name");
_Static_assert(sizeof(struct relay_fast_leg) == 192, "three cache lines");

#endif
