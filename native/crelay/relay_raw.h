/* Packets sent with IP and UDP headers of our own (raw(7), IP_HDRINCL) by one socket for all streams of a thread: its lines in the
 * kernel stay warm, those of thousands of UDP sockets do not. Where a UDP socket would do something else than put headers
 * before the datagram (multicast, a scope, a packet for several fragments), the stream's own socket sends. */
#ifndef RELAY_RAW_H
#define RELAY_RAW_H

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include "relay_table.h"

#define RELAY_RAW_SOCKETS 8 /* a thread has: one for each address it sends from */
#define RELAY_RAW_ROOM 64   /* before a datagram, for its headers; a cache line */
#define RELAY_RAW_BYTES 1280 /* of a packet at most: what every path takes whole (RFC 8200 section 5) */

/* Where a leg's packets come from, for its thread: the port in network order, above it the number of a raw socket plus one. */
typedef uint32_t relay_origin;
#define RELAY_OWN_SOCKET ((relay_origin)0)

enum relay_raw_result { RELAY_RAW_SENT, RELAY_RAW_NOT_FIT, RELAY_RAW_REFUSED };

struct relay_raw_v4 {
    struct iphdr ip;
    struct udphdr udp;
};

struct relay_raw_v6 {
    struct ip6_hdr ip;
    struct udphdr udp;
};

/* One socket of one thread. The counters are the thread's, the rest is fixed. */
struct relay_raw {
    int fd; /* ours */
    bool given_up;
    uint32_t refused_in_a_row; /* what a UDP socket then could send */
    uint64_t packets;
    uint64_t refused;
    uint64_t source_sum; /* of the pseudo-header's constant part */
    union relay_address address; /* the port means nothing */
    uint32_t label_seed;
    union {
        struct relay_raw_v4 v4;
        struct relay_raw_v6 v6;
    } header; /* what is the same in all of them */
};

/* Takes a copy of ``fd``, which has to be an IPPROTO_RAW socket bound to one address; the marks of packets are the socket's. */
enum relay_error relay_raw_open(struct relay_raw *raw, int fd);
void relay_raw_close(struct relay_raw *raw);

/* How the leg with that UDP socket sends: from the address of one of ``count`` raw sockets, marked as that marks, or on its own. */
relay_origin relay_raw_origin(const struct relay_raw *raw, uint32_t count, int fd);

/* Sends the datagram, writing to the RELAY_RAW_ROOM bytes before it. */
enum relay_raw_result relay_raw_send(struct relay_raw *raw, relay_origin origin, const union relay_address *to, uint8_t *data,
                                     size_t size);

/* A UDP socket could send what this one was refused. If that goes on, the raw socket is used no more. */
void relay_raw_outdone(struct relay_raw *raw);

/* The sum of RFC 1071, and what stands in a header for it. */
uint64_t relay_raw_sum(const void *data, size_t size, uint64_t sum);
uint16_t relay_raw_checksum(uint64_t sum);

static inline uint32_t relay_origin_socket(relay_origin origin) { return (origin >> 16) - 1; }

#endif
