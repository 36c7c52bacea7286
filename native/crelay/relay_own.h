/* Which addresses are this relay's own, so that a side never learns one: what one stream sends would be what another one receives,
 * and round it goes. */
#ifndef RELAY_OWN_H
#define RELAY_OWN_H

#include "relay_address.h"

#define RELAY_OWN_RANGES 64

/* Ports of hosts. Filled by control, only ever longer; read by threads. */
struct relay_own {
    struct relay_own_ports {
        struct relay_host host;
        uint16_t first, last;
    } range[RELAY_OWN_RANGES];
    uint32_t count;
};

/* Adds those ports of a host; of a wildcard, of every host this machine has now. False, with nothing added: there is no room, or
 * the machine did not tell. */
bool relay_own_add(struct relay_own *own, const union relay_address *host, uint16_t first, uint16_t last);

/* ``own`` NULL: nothing is. */
bool relay_own_has(const struct relay_own *own, const union relay_address *address);

#endif
