#include "sip_udp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CONTROL_BYTES 128

struct control {
    _Alignas(struct cmsghdr) char bytes[CONTROL_BYTES];
};

struct out_slot {
    union sip_sockaddr to;
    struct control control;
    struct iovec iov;
    void *owner;
};

struct in_slot {
    union sip_sockaddr from;
    struct control control;
    struct iovec iov;
};

struct sip_udp {
    int fd;
    sa_family_t family;
    struct sip_near bound; /* family 0: to all addresses, or one with a scope, and the kernel says which one a datagram was sent to */
    uint32_t dropped;
    uint64_t oversized;
    int pending;
    int filled;     /* of in_headers, by the last receive */
    bool met_error; /* the error queue is worth a look */
    struct mmsghdr in_headers[SIP_UDP_BATCH];
    struct mmsghdr out_headers[SIP_UDP_BATCH];
    struct in_slot in[SIP_UDP_BATCH];
    struct out_slot out[SIP_UDP_BATCH];
    char data[SIP_UDP_BATCH][SIP_MAX_MESSAGE_BYTES + 1]; /* touched by the page as datagrams are long */
};

static struct sip_near bound_to(const union sip_sockaddr *address) {
    const struct in6_addr *six = &address->v6.sin6_addr;
    struct sip_near near = {.family = 0};
    if (address->any.sa_family == AF_INET && address->v4.sin_addr.s_addr != htonl(INADDR_ANY))
        near = (struct sip_near){.family = AF_INET, .v4 = address->v4.sin_addr};
    if (address->any.sa_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(six) && !IN6_IS_ADDR_LINKLOCAL(six))
        near = (struct sip_near){.family = AF_INET6, .v6 = *six};
    return near;
}

static int ask_for_destinations(int fd, sa_family_t family) {
    int on = 1;
    if (family == AF_INET) return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

/* Non-blocking, destination addresses, drop counter. */
static int prepare(int fd, sa_family_t family, bool bound) {
    int on = 1, flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
    if (!bound && ask_for_destinations(fd, family) < 0) return -1;
    if (sip_udp_ask_for_errors(fd, family) < 0) return -1;
    return setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

/* How much room there is: the kernel overwrites it. */
static void empty(struct sip_udp *udp, int i) {
    udp->in_headers[i].msg_hdr.msg_namelen = sizeof udp->in[i].from;
    udp->in_headers[i].msg_hdr.msg_controllen = sizeof udp->in[i].control;
}

struct sip_udp *sip_udp_open(int fd) {
    union sip_sockaddr address;
    socklen_t size = sizeof address;
    int type = 0;
    socklen_t type_size = sizeof type;
    if (getsockname(fd, &address.any, &size) < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0) return NULL;
    sa_family_t family = address.any.sa_family;
    if (type != SOCK_DGRAM || (family != AF_INET && family != AF_INET6)) {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    struct sip_near bound = bound_to(&address);
    if (prepare(fd, family, bound.family) < 0) return NULL;
    struct sip_udp *udp = calloc(1, sizeof *udp);
    if (!udp) return NULL;
    udp->fd = fd;
    udp->family = family;
    udp->bound = bound;
    for (int i = 0; i < SIP_UDP_BATCH; i++) {
        udp->in[i].iov = (struct iovec){udp->data[i], sizeof udp->data[i]};
        udp->in_headers[i].msg_hdr = (struct msghdr){.msg_name = &udp->in[i].from, .msg_iov = &udp->in[i].iov, .msg_iovlen = 1,
                                                     .msg_control = &udp->in[i].control};
        empty(udp, i);
        udp->out_headers[i].msg_hdr = (struct msghdr){.msg_iovlen = 1};
    }
    return udp;
}

void sip_udp_close(struct sip_udp *udp) {
    close(udp->fd);
    free(udp);
}

int sip_udp_fd(const struct sip_udp *udp) { return udp->fd; }
sa_family_t sip_udp_family(const struct sip_udp *udp) { return udp->family; }
uint32_t sip_udp_dropped(const struct sip_udp *udp) { return udp->dropped; }
uint64_t sip_udp_oversized(const struct sip_udp *udp) { return udp->oversized; }
int sip_udp_pending(const struct sip_udp *udp) { return udp->pending; }

bool sip_udp_may_have_errors(struct sip_udp *udp) {
    bool met = udp->met_error;
    udp->met_error = false;
    return met;
}

/* What an ICMP message about an earlier datagram leaves on the socket. */
static bool is_icmp_error(int error) {
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EPROTO:
    case EMSGSIZE:
    case EACCES:
    case EOPNOTSUPP: return true;
    default: return false;
    }
}

int sip_udp_receive(struct sip_udp *udp) {
    while (udp->filled > 0) empty(udp, --udp->filled);
    for (int attempts = 0; attempts <= SIP_UDP_BATCH; attempts++) {
        int count = recvmmsg(udp->fd, udp->in_headers, SIP_UDP_BATCH, MSG_DONTWAIT, NULL);
        if (count >= 0) return udp->filled = count;
        if (errno == EINTR) continue;
        udp->met_error = true; /* woken for nothing: then it was for an error */
        if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
        if (!is_icmp_error(errno)) return -1;
    }
    return 0;
}

static void read_control(struct sip_udp *udp, struct msghdr *header, struct sip_near *near) {
    *near = udp->bound;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&udp->dropped, CMSG_DATA(c), sizeof udp->dropped);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            near->family = AF_INET;
            near->v4 = info.ipi_addr;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            near->family = AF_INET6;
            near->v6 = info.ipi6_addr;
            near->scope = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
        }
    }
}

bool sip_udp_datagram(struct sip_udp *udp, int i, struct sip_datagram *datagram) {
    struct mmsghdr *header = &udp->in_headers[i];
    read_control(udp, &header->msg_hdr, &datagram->near);
    datagram->data = udp->data[i];
    datagram->size = header->msg_len;
    datagram->source = &udp->in[i].from;
    if (!(header->msg_hdr.msg_flags & MSG_TRUNC) && header->msg_len <= SIP_MAX_MESSAGE_BYTES) return true;
    udp->oversized++;
    return false;
}

static size_t write_control(struct control *control, const struct sip_near *from) {
    memset(control, 0, sizeof *control);
    struct cmsghdr *c = (struct cmsghdr *)control->bytes;
    if (from->family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = from->v4};
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    struct in6_pktinfo info = {.ipi6_addr = from->v6, .ipi6_ifindex = from->scope};
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
    memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

/* Headers point into their slots; after slots moved they are set anew. */
static void point(struct sip_udp *udp, int i, size_t control_size) {
    struct out_slot *slot = &udp->out[i];
    struct msghdr *header = &udp->out_headers[i].msg_hdr;
    header->msg_name = &slot->to;
    header->msg_namelen = slot->to.any.sa_family == AF_INET ? sizeof slot->to.v4 : sizeof slot->to.v6;
    header->msg_iov = &slot->iov;
    header->msg_control = control_size ? &slot->control : NULL;
    header->msg_controllen = control_size;
}

bool sip_udp_queue(struct sip_udp *udp, struct sip_slice data, const union sip_sockaddr *to, const struct sip_near *from,
    void *owner) {
    if (udp->pending == SIP_UDP_BATCH) return false;
    struct out_slot *slot = &udp->out[udp->pending];
    slot->to = *to;
    slot->iov = (struct iovec){(void *)data.at, data.size};
    slot->owner = owner;
    point(udp, udp->pending, from->family ? write_control(&slot->control, from) : 0);
    udp->pending++;
    return true;
}

static void drop_front(struct sip_udp *udp, int count) {
    udp->pending -= count;
    memmove(udp->out, udp->out + count, (size_t)udp->pending * sizeof *udp->out);
    for (int i = 0; i < udp->pending; i++) point(udp, i, udp->out_headers[i + count].msg_hdr.msg_controllen);
}

void sip_udp_flush(struct sip_udp *udp, void (*done)(void *, void *, int), void *context) {
    int sent = 0;
    bool retried = false;
    while (sent < udp->pending) {
        int count = sendmmsg(udp->fd, udp->out_headers + sent, (unsigned)(udp->pending - sent), MSG_DONTWAIT);
        int error = count < 0 ? errno : 0;
        if (error == EAGAIN || error == EWOULDBLOCK) break;
        if (error == EINTR) continue;
        /* the error may be an earlier datagram's, left by ICMP: one more try tells */
        if (is_icmp_error(error) && !retried) {
            udp->met_error = retried = true;
            continue;
        }
        retried = false;
        for (int end = sent + (error ? 1 : count); sent < end; sent++) done(context, udp->out[sent].owner, error);
    }
    if (sent) drop_front(udp, sent);
}

void sip_udp_cancel(struct sip_udp *udp, void (*done)(void *, void *, int), void *context) {
    for (int i = 0; i < udp->pending; i++) done(context, udp->out[i].owner, ECANCELED);
    udp->pending = 0;
}
