#include "relay_own.h"

#include <ifaddrs.h>

#include "relay_table.h"

static bool add(struct relay_own *own, const union relay_address *address, uint16_t first, uint16_t last)
{
    if (own->count == RELAY_OWN_RANGES)
        return false;
    struct relay_own_ports *ports = &own->range[own->count];
    *ports = (struct relay_own_ports){.first = first, .last = last};
    relay_address_host(address, &ports->host);
    __atomic_store_n(&own->count, own->count + 1, __ATOMIC_RELEASE);
    return true;
}

static bool add_all(struct relay_own *own, int family, uint16_t first, uint16_t last)
{
    struct ifaddrs *interfaces;
    bool added = getifaddrs(&interfaces) == 0;
    if (!added)
        return false;
    for (const struct ifaddrs *each = interfaces; each != NULL && added; each = each->ifa_next) {
        union relay_address address;
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != family)
            continue;
        memset(&address, 0, sizeof address);
        memcpy(&address, each->ifa_addr, family == AF_INET ? sizeof address.v4 : sizeof address.v6);
        added = add(own, &address, first, last);
    }
    freeifaddrs(interfaces);
    return added;
}

bool relay_own_add(struct relay_own *own, const union relay_address *host, uint16_t first, uint16_t last)
{
    const uint32_t before = own->count;
    bool added = relay_address_wildcard(host) ? add_all(own, host->any.sa_family, first, last) : add(own, host, first, last);
    if (!added)
        relay_put(own->count, before);
    return added;
}

bool relay_own_has(const struct relay_own *own, const union relay_address *address)
{
    const uint16_t port = ntohs(address->v4.sin_port); /* the port lies at the same offset in both families */
    for (uint32_t i = own == NULL ? 0 : __atomic_load_n(&own->count, __ATOMIC_ACQUIRE); i-- > 0;) {
        const struct relay_own_ports *ports = &own->range[i];
        if (port >= ports->first && port <= ports->last &&
            relay_address_on(address, ports->host.bytes, (int)ports->host.family))
            return true;
    }
    return false;
}
