#include "relay_socket.h"

#include <errno.h>
#include <netinet/ip.h>
#include <unistd.h>

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

int relay_socket_option(int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, option, &value, &length) == 0 ? value : -1;
}

bool relay_socket_is_udp(int fd) { return relay_socket_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP; }

int relay_socket_family(int fd) { return relay_socket_option(fd, SOL_SOCKET, SO_DOMAIN); }

static bool set_dscp(int fd, int family, uint8_t dscp)
{
    if (family == AF_INET6)
        return set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2);
    return set_int(fd, IPPROTO_IP, IP_TOS, dscp << 2);
}

int relay_socket_mark(int fd, int family)
{
    if (family == AF_INET6)
        return relay_socket_option(fd, IPPROTO_IPV6, IPV6_TCLASS);
    return relay_socket_option(fd, IPPROTO_IP, IP_TOS);
}

bool relay_socket_dscp(int fd, uint8_t dscp) { return set_dscp(fd, relay_socket_family(fd), dscp); }

int relay_bind(const union relay_address *address, uint8_t dscp)
{
    int family = address->any.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return -1;
    if (family == AF_INET6 && !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
        goto fail;
    if (!set_dscp(fd, family, dscp) || bind(fd, &address->any, relay_address_length(address)) < 0)
        goto fail;
    return fd;
fail:;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}
