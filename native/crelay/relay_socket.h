/* Sockets of the relay: made, checked, marked. Descriptors stay the caller's. */
#ifndef RELAY_SOCKET_H
#define RELAY_SOCKET_H

#include "relay_address.h"

/* A bound, non-blocking UDP socket, IPv6 ones for IPv6 only; -1 and errno. */
int relay_bind(const union relay_address *address, uint8_t dscp);

bool relay_socket_is_udp(int fd);

int relay_socket_option(int fd, int level, int option); /* -1: it has none */
int relay_socket_family(int fd);                        /* AF_INET or AF_INET6 */
int relay_socket_mark(int fd, int family); /* TOS or traffic class */
bool relay_socket_dscp(int fd, uint8_t dscp);

#endif
