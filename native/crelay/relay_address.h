/* Socket addresses: compared on the packet path, parsed and printed on the control path. Nothing here keeps a reference. */
#ifndef RELAY_ADDRESS_H
#define RELAY_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Family 0 means none. Words, so that the seqlocks of relay_table.h can copy it. */
union relay_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    uint32_t word[7];
};

/* An address without port; IPv4 in the first four bytes. */
struct relay_host {
    uint8_t bytes[16];
    uint32_t family;
};

#define RELAY_ADDRESS_TEXT 80 /* bytes an address needs as text, with scope and final zero */

static inline bool relay_address_known(const union relay_address *address)
{
    return address->any.sa_family != AF_UNSPEC;
}

static inline socklen_t relay_address_length(const union relay_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

/* Same family, host and port. */
static inline bool relay_address_same(const union relay_address *a, const union relay_address *b)
{
    if (a->any.sa_family == AF_INET)
        return memcmp(a, b, 8) == 0; /* family, port and host lie in the first eight bytes */
    return a->any.sa_family == b->any.sa_family && a->v6.sin6_port == b->v6.sin6_port &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id && memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

static inline bool relay_address_on(const union relay_address *address, const uint8_t host[16], int family)
{
    if (address->any.sa_family != family)
        return false;
    if (family == AF_INET)
        return memcmp(&address->v4.sin_addr, host, 4) == 0;
    return family == AF_INET6 && memcmp(&address->v6.sin6_addr, host, 16) == 0;
}

/* Bound to every address of its family. */
bool relay_address_wildcard(const union relay_address *address);

/* Another host of the same family, the port stays; of another family nothing. */
void relay_address_put_host(union relay_address *address, const struct relay_host *host);

void relay_address_host(const union relay_address *address, struct relay_host *host);

/* The port of RTCP when nothing else is known (RFC 3550 section 11); false: there is no higher port. */
bool relay_address_next_port(const union relay_address *address, union relay_address *next);

/* A numeric host, IPv6 with or without %scope; false: it is none. */
bool relay_address_parse(const char *host, uint16_t port, union relay_address *address);

/* The host as text; ``text`` holds RELAY_ADDRESS_TEXT bytes. Returns the port. */
uint16_t relay_address_format(const union relay_address *address, char *text);

#endif
