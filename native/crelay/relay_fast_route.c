/* Where the kernel would send a packet, asked of it by netlink (rtnetlink(7)), and when that may have changed. */
#include "relay_fast.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#define WATCHED (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE)
#define ANSWER_BYTES 8192

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

bool relay_fast_routes_changed(const struct relay_fast *fast)
{
    uint8_t message[ANSWER_BYTES];
    bool changed = false;
    while (recv(fast->changes, message, sizeof message, 0) >= 0 || errno == ENOBUFS) /* too many to tell: as good as one */
        changed = true;
    return changed;
}

static void add_attribute(struct question *question, uint16_t type, const struct relay_host *host)
{
    const uint16_t size = host->family == AF_INET ? 4 : 16;
    struct rtattr *attribute = (struct rtattr *)((uint8_t *)question + NLMSG_ALIGN(question->head.nlmsg_len));
    *attribute = (struct rtattr){.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};
    memcpy(RTA_DATA(attribute), host->bytes, size);
    question->head.nlmsg_len = NLMSG_ALIGN(question->head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static void ask(const struct relay_host *from, const struct relay_host *to, struct question *question)
{
    const uint8_t bits = to->family == AF_INET ? 32 : 128;
    *question = (struct question){
        .head = {.nlmsg_len = NLMSG_LENGTH(sizeof question->route), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = (uint8_t)to->family, .rtm_src_len = bits, .rtm_dst_len = bits},
    };
    add_attribute(question, RTA_SRC, from);
    add_attribute(question, RTA_DST, to);
}

/* The interface that an answer names; 0: it names none. */
static uint32_t interface_in(struct nlmsghdr *head)
{
    struct rtmsg *route = NLMSG_DATA(head);
    int left = (int)RTM_PAYLOAD(head);
    for (struct rtattr *each = RTM_RTA(route); RTA_OK(each, left); each = RTA_NEXT(each, left)) {
        uint32_t interface;
        if (each->rta_type != RTA_OIF || RTA_PAYLOAD(each) != sizeof interface)
            continue;
        memcpy(&interface, RTA_DATA(each), sizeof interface);
        return interface;
    }
    return 0;
}

static bool is_at(const struct relay_fast *fast, uint32_t interface)
{
    for (uint32_t i = 0; i < fast->interfaces; i++)
        if (fast->interface[i] == interface)
            return true;
    return false;
}

enum relay_way_out relay_fast_route(const struct relay_fast *fast, const union relay_address *from, const union relay_address *to,
                                    uint32_t *interface)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_BYTES];
    } answer;
    struct relay_host source, target;
    struct question question;
    relay_address_host(from, &source);
    relay_address_host(to, &target);
    ask(&source, &target, &question);
    if (send(fast->queries, &question, question.head.nlmsg_len, 0) < 0)
        return RELAY_NO_WAY;
    ssize_t size = recv(fast->queries, &answer, sizeof answer, 0); /* the kernel answers before send returns */
    if (size < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) || answer.head.nlmsg_type != RTM_NEWROUTE)
        return RELAY_NO_WAY;
    const struct rtmsg *route = NLMSG_DATA(&answer.head);
    *interface = interface_in(&answer.head);
    if (!is_at(fast, *interface))
        return RELAY_NO_WAY;
    return route->rtm_type == RTN_LOCAL ? RELAY_WAY_LOCAL : route->rtm_type == RTN_UNICAST ? RELAY_WAY_INTERFACE : RELAY_NO_WAY;
}
