#include "relay_raw.h"

#include <errno.h>
#include <fcntl.h>
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

enum relay_error relay_raw_open(struct relay_raw *raw, int *family, int fd)
{
    *raw = (struct relay_raw){0};
    *family = relay_socket_family(fd);
    if (relay_socket_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_RAW || !relay_socket_is_udp(fd))
        return RELAY_ERROR_RAW;
    raw->mark = relay_socket_mark(fd, *family);
    raw->fd = fcntl(fd, F_DUPFD_CLOEXEC, 1); /* not 0, which means none */
    return raw->fd < 0 ? RELAY_ERROR_SYSTEM : RELAY_OK;
}

void relay_raw_close(struct relay_raw *raw)
{
    if (raw->fd > 0)
        close(raw->fd);
    raw->fd = 0;
}

static bool same_host(const union relay_address *a, const union relay_address *b)
{
    struct relay_host host;
    relay_address_host(b, &host);
    return relay_address_on(a, host.bytes, (int)host.family);
}

static void make_source(struct relay_raw_source *source, const union relay_address *address)
{
    *source = (struct relay_raw_source){.address = *address};
    if (address->any.sa_family == AF_INET) {
        source->control.head = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
        source->control.body.v4.ipi_spec_dst = address->v4.sin_addr;
        source->sum = relay_raw_sum(&address->v4.sin_addr, sizeof address->v4.sin_addr, htons(IPPROTO_UDP));
    } else {
        source->control.head = (struct cmsghdr){CMSG_LEN(sizeof(struct in6_pktinfo)), IPPROTO_IPV6, IPV6_PKTINFO};
        source->control.body.v6.ipi6_addr = address->v6.sin6_addr;
        source->sum = relay_raw_sum(&address->v6.sin6_addr, sizeof address->v6.sin6_addr, htons(IPPROTO_UDP));
    }
    source->control_size = (socklen_t)source->control.head.cmsg_len; /* unpadded: it fits what the kernel has on its stack */
}

/* The number of the address among the sources, plus one; 0: there is no room for it. */
static uint32_t find_source(struct relay_raw_sources *sources, const union relay_address *address)
{
    uint32_t i = 0;
    while (i < sources->count && !same_host(&sources->source[i].address, address))
        i++;
    if (i == RELAY_RAW_SOURCES)
        return 0;
    if (i == sources->count)
        make_source(&sources->source[sources->count++], address);
    return i + 1;
}

relay_origin relay_raw_origin(const struct relay_raw raw[RELAY_RAW_FAMILIES], struct relay_raw_sources *sources, int fd)
{
    union relay_address bound;
    socklen_t length = sizeof bound;
    memset(&bound, 0, sizeof bound);
    if (fd < 0 || (raw[0].fd <= 0 && raw[1].fd <= 0) || getsockname(fd, &bound.any, &length) < 0)
        return RELAY_OWN_SOCKET;
    const struct relay_raw *candidate = &raw[relay_raw_family(bound.any.sa_family)];
    bool scoped = bound.any.sa_family == AF_INET6 && bound.v6.sin6_scope_id != 0;
    if (candidate->fd <= 0 || scoped || relay_address_wildcard(&bound) || relay_socket_mark(fd, bound.any.sa_family) != candidate->mark)
        return RELAY_OWN_SOCKET;
    uint32_t source = find_source(sources, &bound);
    return source == 0 ? RELAY_OWN_SOCKET : source << 16 | bound.v4.sin_port; /* it lies at the same offset in both families */
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
static struct udphdr make_udp(relay_origin origin, uint16_t to_port, const uint8_t *data, size_t size, uint64_t sum)
{
    struct udphdr udp = {.source = (uint16_t)origin, .dest = to_port, .len = htons((uint16_t)(size + sizeof udp))};
    udp.check = relay_raw_checksum(relay_raw_sum(data, size, sum + udp.source + udp.dest + 2u * udp.len));
    if (udp.check == 0)
        udp.check = 0xffff; /* 0 would mean that there is none (RFC 768) */
    return udp;
}

enum relay_raw_result relay_raw_send(struct relay_raw raw[RELAY_RAW_FAMILIES], const struct relay_raw_sources *sources,
                                     relay_origin origin, const union relay_address *to, uint8_t *data, size_t size)
{
    const struct relay_raw_source *source = &sources->source[(origin >> 16) - 1];
    const bool four = to->any.sa_family == AF_INET;
    if (to->any.sa_family != source->address.any.sa_family || !(four ? plain_v4(&to->v4) : plain_v6(&to->v6)))
        return RELAY_RAW_NOT_FIT;
    raw += relay_raw_family(to->any.sa_family);
    if (raw->given_up)
        return RELAY_RAW_NOT_FIT;
    const void *host = four ? (const void *)&to->v4.sin_addr : &to->v6.sin6_addr;
    uint64_t sum = relay_raw_sum(host, four ? sizeof to->v4.sin_addr : sizeof to->v6.sin6_addr, source->sum);
    struct udphdr udp = make_udp(origin, to->v4.sin_port, data, size, sum);
    memcpy(data - sizeof udp, &udp, sizeof udp);

    union relay_address name = *to;
    name.v4.sin_port = 0; /* the kernel would take it for a protocol */
    struct iovec packet = {data - sizeof udp, size + sizeof udp};
    struct msghdr message = {
        .msg_name = &name, .msg_namelen = relay_address_length(to), .msg_iov = &packet, .msg_iovlen = 1,
        .msg_control = (void *)&source->control, .msg_controllen = source->control_size, /* only read */
    };
    if (sendmsg(raw->fd, &message, MSG_DONTWAIT) < 0) /* a buffer that is full tells nothing about the socket */
        return errno == EAGAIN || errno == ENOBUFS ? RELAY_RAW_NOT_FIT : RELAY_RAW_REFUSED;
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
