#include "relay_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "relay_socket.h"

#define REFUSED_IN_A_ROW 64 /* then it is the raw socket and not one destination */

uint64_t relay_raw_sum(const void *data, size_t size, uint64_t sum)
{
    const uint8_t *bytes = data;
    uint64_t lane[4] = {sum}; /* independent of each other, as SIMD wants it; words of 32 bits can't overflow them */
    uint32_t word[4];
    for (; size >= sizeof word; size -= sizeof word, bytes += sizeof word) {
        memcpy(word, bytes, sizeof word);
        for (int i = 0; i < 4; i++)
            lane[i] += word[i];
    }
    memset(word, 0, sizeof word);
    memcpy(word, bytes, size);
    for (int i = 0; i < 4; i++)
        lane[i] += word[i];
    return lane[0] + lane[1] + lane[2] + lane[3];
}

uint16_t relay_raw_checksum(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void make_header_v4(struct relay_raw *raw)
{
    int discover = relay_socket_option(raw->fd, IPPROTO_IP, IP_MTU_DISCOVER);
    struct iphdr *ip = &raw->header.v4.ip;
    ip->version = IPVERSION;
    ip->ihl = sizeof *ip / 4;
    ip->tos = (uint8_t)relay_socket_option(raw->fd, IPPROTO_IP, IP_TOS);
    ip->ttl = (uint8_t)relay_socket_option(raw->fd, IPPROTO_IP, IP_TTL);
    ip->frag_off = discover == IP_PMTUDISC_DONT ? 0 : htons(IP_DF);
    ip->protocol = IPPROTO_UDP;
    ip->saddr = raw->address.v4.sin_addr.s_addr; /* length, number and checksum are the kernel's */
    raw->source_sum = relay_raw_sum(&ip->saddr, sizeof ip->saddr, htons(IPPROTO_UDP));
}

static void make_header_v6(struct relay_raw *raw)
{
    struct ip6_hdr *ip = &raw->header.v6.ip;
    int traffic_class = relay_socket_option(raw->fd, IPPROTO_IPV6, IPV6_TCLASS);
    ip->ip6_flow = htonl(6u << 28 | (uint32_t)traffic_class << 20);
    ip->ip6_nxt = IPPROTO_UDP;
    ip->ip6_hlim = (uint8_t)relay_socket_option(raw->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
    ip->ip6_src = raw->address.v6.sin6_addr;
    raw->source_sum = relay_raw_sum(&ip->ip6_src, sizeof ip->ip6_src, htons(IPPROTO_UDP));
}

enum relay_error relay_raw_open(struct relay_raw *raw, int fd)
{
    socklen_t length = sizeof raw->address;
    *raw = (struct relay_raw){.fd = -1};
    if (relay_socket_option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_RAW || getsockname(fd, &raw->address.any, &length) < 0 ||
        raw->address.any.sa_family != relay_socket_family(fd) || relay_address_wildcard(&raw->address))
        return RELAY_ERROR_RAW;
    if ((raw->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return RELAY_ERROR_SYSTEM;
    if (raw->address.any.sa_family == AF_INET)
        make_header_v4(raw);
    else
        make_header_v6(raw);
    (void)!getrandom(&raw->label_seed, sizeof raw->label_seed, GRND_NONBLOCK);
    return RELAY_OK;
}

void relay_raw_close(struct relay_raw *raw)
{
    if (raw->fd >= 0)
        close(raw->fd);
    raw->fd = -1;
}

static bool same_host(const union relay_address *a, const union relay_address *b)
{
    struct relay_host host;
    relay_address_host(b, &host);
    return relay_address_on(a, host.bytes, (int)host.family);
}

static bool marks_alike(const struct relay_raw *raw, int fd)
{
    if (raw->address.any.sa_family == AF_INET)
        return relay_socket_option(fd, IPPROTO_IP, IP_TOS) == raw->header.v4.ip.tos;
    uint32_t traffic_class = ntohl(raw->header.v6.ip.ip6_flow) >> 20 & 0xff;
    return relay_socket_option(fd, IPPROTO_IPV6, IPV6_TCLASS) == (int)traffic_class;
}

relay_origin relay_raw_origin(const struct relay_raw *raw, uint32_t count, int fd)
{
    union relay_address bound;
    socklen_t length = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (count == 0 || fd < 0 || getsockname(fd, &bound.any, &length) < 0)
        return RELAY_OWN_SOCKET;
    for (uint32_t i = 0; i < count; i++)
        if (same_host(&raw[i].address, &bound) && marks_alike(&raw[i], fd))
            return (i + 1) << 16 | bound.v4.sin_port; /* it lies at the same offset in both families */
    return RELAY_OWN_SOCKET;
}

/* An address that a UDP socket sends to as it stands. Port 0 and what is broadcast, multicast or this host are not. */
static bool plain_v4(const struct sockaddr_in *to)
{
    uint32_t host = ntohl(to->sin_addr.s_addr);
    return to->sin_port != 0 && host >> 24 != 0 && host >> 28 < 14;
}

/* The same; addresses with a scope, those that stand for IPv4 ones and whatever is not unicast go their own way. */
static bool plain_v6(const struct sockaddr_in6 *to)
{
    const uint8_t *host = to->sin6_addr.s6_addr;
    bool unicast = host[0] >> 5 == 1 || host[0] >> 1 == 0x7e || IN6_IS_ADDR_LOOPBACK(&to->sin6_addr);
    return to->sin6_port != 0 && to->sin6_scope_id == 0 && unicast;
}

/* ``sum``: of both addresses and the protocol. */
static void make_udp(struct udphdr *udp, relay_origin origin, uint16_t to_port, const uint8_t *data, size_t size, uint64_t sum)
{
    udp->source = (uint16_t)origin;
    udp->dest = to_port;
    udp->len = htons((uint16_t)(size + sizeof *udp));
    uint16_t check = relay_raw_checksum(relay_raw_sum(data, size, sum + udp->source + udp->dest + 2u * udp->len));
    udp->check = check == 0 ? 0xffff : check; /* 0 would mean that there is none (RFC 768) */
}

/* The same for all packets of a flow and not to be guessed from outside (RFC 6437 section 3). */
static uint32_t flow_label(const struct relay_raw *raw, relay_origin origin, const struct sockaddr_in6 *to)
{
    uint64_t flow = relay_raw_sum(&to->sin6_addr, sizeof to->sin6_addr, (uint64_t)origin << 16 | to->sin6_port);
    return (uint32_t)((flow ^ raw->label_seed) * 0x9e3779b97f4a7c15u >> 44);
}

static ssize_t send_v4(const struct relay_raw *raw, relay_origin origin, const struct sockaddr_in *to, uint8_t *data, size_t size)
{
    struct relay_raw_v4 header = raw->header.v4;
    header.ip.daddr = to->sin_addr.s_addr;
    make_udp(&header.udp, origin, to->sin_port, data, size, relay_raw_sum(&header.ip.daddr, 4, raw->source_sum));
    memcpy(data - sizeof header, &header, sizeof header);
    return sendto(raw->fd, data - sizeof header, size + sizeof header, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof *to);
}

static ssize_t send_v6(const struct relay_raw *raw, relay_origin origin, const struct sockaddr_in6 *to, uint8_t *data, size_t size)
{
    struct relay_raw_v6 header = raw->header.v6;
    struct sockaddr_in6 host = {.sin6_family = AF_INET6, .sin6_addr = to->sin6_addr}; /* a port would be taken for a protocol */
    header.ip.ip6_flow |= htonl(flow_label(raw, origin, to));
    header.ip.ip6_plen = htons((uint16_t)(size + sizeof header.udp));
    header.ip.ip6_dst = to->sin6_addr;
    make_udp(&header.udp, origin, to->sin6_port, data, size, relay_raw_sum(&header.ip.ip6_dst, 16, raw->source_sum));
    memcpy(data - sizeof header, &header, sizeof header);
    return sendto(raw->fd, data - sizeof header, size + sizeof header, MSG_DONTWAIT, (const struct sockaddr *)&host, sizeof host);
}

enum relay_raw_result relay_raw_send(struct relay_raw *raw, relay_origin origin, const union relay_address *to, uint8_t *data,
                                     size_t size)
{
    ssize_t sent;
    if (raw->given_up || size > RELAY_RAW_BYTES - sizeof(struct relay_raw_v6) || to->any.sa_family != raw->address.any.sa_family)
        return RELAY_RAW_NOT_FIT;
    if (to->any.sa_family == AF_INET ? !plain_v4(&to->v4) : !plain_v6(&to->v6))
        return RELAY_RAW_NOT_FIT;
    if (to->any.sa_family == AF_INET)
        sent = send_v4(raw, origin, &to->v4, data, size);
    else
        sent = send_v6(raw, origin, &to->v6, data, size);
    if (sent < 0) /* a full buffer or a path that is narrower than others tells nothing about the socket */
        return errno == EMSGSIZE || errno == EAGAIN ? RELAY_RAW_NOT_FIT : RELAY_RAW_REFUSED;
    relay_count(raw->packets, 1);
    raw->refused_in_a_row = 0;
    return RELAY_RAW_SENT;
}

void relay_raw_outdone(struct relay_raw *raw)
{
    relay_count(raw->refused, 1);
    if (++raw->refused_in_a_row == REFUSED_IN_A_ROW)
        relay_put(raw->given_up, true);
}
