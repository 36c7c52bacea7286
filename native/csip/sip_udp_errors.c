/* The error queue of a UDP socket: what ICMP says of datagrams that have left (RFC 3261 section 18.4). */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#include "sip_udp.h"

#define MOST_READ 256 /* entries at a time */

int sip_udp_ask_for_errors(int fd, sa_family_t family) {
    int on = 1;
    return family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on)
                             : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

/* Of no use: a time exceeded, a source quench, a packet too big, which the kernel heeds itself. */
static bool says_unreachable(const struct sock_extended_err *error) {
    switch (error->ee_origin) {
    case SO_EE_ORIGIN_ICMP:
        return (error->ee_type == ICMP_DEST_UNREACH && error->ee_code != ICMP_FRAG_NEEDED) ||
               error->ee_type == ICMP_PARAMETERPROB;
    case SO_EE_ORIGIN_ICMP6: return error->ee_type == ICMP6_DST_UNREACH || error->ee_type == ICMP6_PARAM_PROB;
    default: return false;
    }
}

static bool is_about_unreachable(struct msghdr *header) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
        if (!v4 && !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) continue;
        struct sock_extended_err error;
        memcpy(&error, CMSG_DATA(c), sizeof error);
        return says_unreachable(&error);
    }
    return false;
}

int sip_udp_read_errors(int fd, struct sip_udp_error *errors) {
    _Alignas(struct cmsghdr) char control[512];
    int found = 0;
    for (int read = 0; read < MOST_READ && found < SIP_UDP_ERRORS; read++) {
        struct sip_udp_error *error = &errors[found];
        struct iovec iov = {error->data, sizeof error->data};
        struct msghdr header = {.msg_name = &error->to, .msg_namelen = sizeof error->to, .msg_iov = &iov, .msg_iovlen = 1,
                                .msg_control = control, .msg_controllen = sizeof control};
        ssize_t size = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) break;
        error->size = (size_t)size;
        if (header.msg_namelen && is_about_unreachable(&header)) found++;
    }
    return found;
}
