/* Where the kernel would send a packet, asked of it by netlink (rtnetlink(7)), and when that may have changed. */
#include "relay_fast.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GROUP(number) (1u << ((number) - 1))
#define WATCHED                                                                                                                   \
    (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | GROUP(RTNLGRP_IPV4_RULE) |     \
     GROUP(RTNLGRP_IPV6_RULE) | GROUP(RTNLGRP_NEXTHOP))
#define ANSWER_BYTES 8192
#define ECN_NONE 0xfc /* routes are chosen by DSCP, and a question that has bits of ECN is refused */

struct question {
    struct nlmsghdr head;
    struct rtmsg route;
    uint8_t attributes[64];
};

static int open_netlink(uint32_t groups)
{
    struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool relay_fast_open_routes(struct relay_fast *fast)
{
    fast->changes = open_netlink(WATCHED);
    fast->queries = open_netlink(0);
    return fast->changes >= 0 && fast->queries >= 0;
}

uint32_t relay_fast_mtu(const struct relay_fast *fast, uint32_t interface)
{
    struct ifreq request = {.ifr_ifindex = (int)interface};
    if (ioctl(fast->queries, SIOCGIFNAME, &request) < 0 || ioctl(fast->queries, SIOCGIFMTU, &request) < 0)
        return 0;
    return (uint32_t)request.ifr_mtu;
}

bool relay_fast_routes_changed(struct relay_fast *fast)
{
    uint8_t message[ANSWER_BYTES];
    bool changed = false;
    while (recv(fast->changes, message, sizeof message, 0) >= 0 || errno == ENOBUFS) /* too many to tell: as good as one */
        changed = true;
    for (uint32_t i = 0; changed && i < fast->interfaces; i++)
        fast->interface[i].mtu = relay_fast_mtu(fast, fast->interface[i].number);
    return changed;
}

static void add_attribute(struct question *question, uint16_t type, const uint8_t host[16])
{
    const uint16_t size = question->route.rtm_family == AF_INET ? 4 : 16;
    struct rtattr *attribute = (struct rtattr *)((uint8_t *)question + NLMSG_ALIGN(question->head.nlmsg_len));
    *attribute = (struct rtattr){.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};
    memcpy(RTA_DATA(attribute), host, size);
    question->head.nlmsg_len = NLMSG_ALIGN(question->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static void ask(const struct relay_fast_pair *way, uint8_t traffic_class, struct question *question)
{
    const bool four = way->version == RELAY_FAST_IPV4;
    const uint8_t bits = four ? 32 : 128;
    *question = (struct question){
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof question->route), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = four ? AF_INET : AF_INET6, .rtm_src_len = bits, .rtm_dst_len = bits,
                  .rtm_tos = four ? (uint8_t)(traffic_class & ECN_NONE) : 0},
    };
    add_attribute(question, RTA_SRC, way->local);
    add_attribute(question, RTA_DST, way->remote);
}

/* A number among attributes; 0: there is none. */
static uint32_t number_in(struct rtattr *first, int left, uint16_t type)
{
    for (struct rtattr *each = first; RTA_OK(each, left); each = RTA_NEXT(each, left)) {
        uint32_t number;
        if ((each->rta_type & NLA_TYPE_MASK) != type || RTA_PAYLOAD(each) != sizeof number)
            continue;
        memcpy(&number, RTA_DATA(each), sizeof number);
        return number;
    }
    return 0;
}

/* Of the route, or what the kernel learned of the path; 0: that of the interface. */
static uint32_t mtu_in(struct rtattr *first, int left)
{
    for (struct rtattr *each = first; RTA_OK(each, left); each = RTA_NEXT(each, left))
        if ((each->rta_type & NLA_TYPE_MASK) == RTA_METRICS)
            return number_in(RTA_DATA(each), (int)RTA_PAYLOAD(each), RTAX_MTU);
    return 0;
}

static bool carries(const struct relay_fast *fast, uint32_t interface, uint32_t path_mtu)
{
    for (uint32_t i = 0; i < fast->interfaces; i++)
        if (fast->interface[i].number == interface)
            return fast->interface[i].mtu >= RELAY_FAST_BYTES && (path_mtu == 0 || path_mtu >= RELAY_FAST_BYTES);
    return false;
}

enum relay_way_out relay_fast_route(const struct relay_fast *fast, const struct relay_fast_pair *way, uint8_t traffic_class,
                                    uint32_t *interface)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_BYTES];
    } answer;
    struct question question;
    ask(way, traffic_class, &question);
    if (send(fast->queries, &question, question.head.nlmsg_len, 0) < 0)
        return RELAY_NO_WAY;
    ssize_t size = recv(fast->queries, &answer, sizeof answer, 0); /* the kernel answers before send returns */
    if (size < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) || answer.head.nlmsg_type != RTM_NEWROUTE)
        return RELAY_NO_WAY;
    struct rtmsg *route = NLMSG_DATA(&answer.head);
    const int left = (int)RTM_PAYLOAD(&answer.head);
    *interface = number_in(RTM_RTA(route), left, RTA_OIF);
    if (!carries(fast, *interface, mtu_in(RTM_RTA(route), left)))
        return RELAY_NO_WAY;
    return route->rtm_type == RTN_LOCAL ? RELAY_WAY_LOCAL : route->rtm_type == RTN_UNICAST ? RELAY_WAY_INTERFACE : RELAY_NO_WAY;
}
