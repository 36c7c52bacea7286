/* Packets sent with a UDP header of our own (raw(7), IPPROTO_UDP) by one socket for all streams of a thread: its lines in the kernel
 * stay warm, those of thousands of UDP sockets do not. The IP header, routes, fragments and path MTU stay the kernel's. Where a UDP
 * socket would do more than that (no port, multicast, a scope), the stream's own socket sends. */
#ifndef RELAY_RAW_H
#define RELAY_RAW_H

#include <netinet/udp.h>

#include "relay_table.h"

#define RELAY_RAW_ROOM 64    /* before a datagram, for its header; a cache line */
#define RELAY_RAW_SOURCES 16 /* addresses that packets leave from; streams on more of them send by their own sockets */
#define RELAY_RAW_FAMILIES 2

/* Where a leg's packets come from: the port in network order, above it the number of a source plus one. */
typedef uint32_t relay_origin;
#define RELAY_OWN_SOCKET ((relay_origin)0)

enum relay_raw_result { RELAY_RAW_SENT, RELAY_RAW_NOT_FIT, RELAY_RAW_REFUSED };

/* An address of ours and how sendmsg is told of it. */
struct relay_raw_source {
    union relay_address address; /* the port means nothing */
    uint64_t sum;                /* of it and the protocol, for checksums */
    socklen_t control_size;
    struct {
        struct cmsghdr head;
        union {
            struct in_pktinfo v4;
            struct in6_pktinfo v6;
        } body;
    } control;
};

/* All threads'. Control adds to it; what an origin names does not change any more. */
struct relay_raw_sources {
    uint32_t count;
    struct relay_raw_source source[RELAY_RAW_SOURCES];
};

/* One socket of one thread, by family: 0 IPv4, 1 IPv6. ``fd`` 0: none. The counters are the thread's, the rest is fixed. */
struct relay_raw {
    int fd; /* ours */
    int mark; /* TOS or traffic class of what it sends */
    bool given_up;
    uint32_t refused_in_a_row; /* what a UDP socket then could send */
    uint64_t packets;
    uint64_t refused;
};

static inline int relay_raw_family(int family) { return family == AF_INET6; }

/* Takes a copy of ``fd``, which has to be a raw socket for UDP. */
enum relay_error relay_raw_open(struct relay_raw *raw, int *family, int fd);
void relay_raw_close(struct relay_raw *raw);

/* How the leg with that UDP socket sends: by one of ``raw`` if it is bound to an address and marks its packets alike. Control's. */
relay_origin relay_raw_origin(const struct relay_raw raw[RELAY_RAW_FAMILIES], struct relay_raw_sources *sources, int fd);

/* Sends the datagram, writing to the RELAY_RAW_ROOM bytes before it. */
enum relay_raw_result relay_raw_send(struct relay_raw raw[RELAY_RAW_FAMILIES], const struct relay_raw_sources *sources,
                                     relay_origin origin, const union relay_address *to, uint8_t *data, size_t size);

/* A UDP socket could send what the raw one was refused. If that goes on, that is used no more. */
void relay_raw_outdone(struct relay_raw *raw);

/* The sum of RFC 1071, and what stands in a header for it. */
uint64_t relay_raw_sum(const void *data, size_t size, uint64_t sum);
uint16_t relay_raw_checksum(uint64_t sum);

#endif
