/* The flows of an endpoint by remote address. Strangers choose those, so the hash has a key that they can't know. */
#include <sys/random.h>

#include "sip_udp_endpoint.h"

#define FIRST_SLOTS 64

#define WORDS 6 /* of an address */

static uint64_t keys[WORDS];

static int make_keys(void) {
    if (keys[0] || getrandom(keys, sizeof keys, 0) == sizeof keys) return 0;
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

/* Multilinear hashing: two addresses meet by chance only, whoever chose them. */
static size_t hash(const union sip_sockaddr *address) {
    uint32_t words[WORDS] = {0};
    uint64_t sum = 0;
    if (address->any.sa_family == AF_INET) {
        words[0] = address->v4.sin_addr.s_addr;
        words[1] = address->v4.sin_port;
    } else {
        memcpy(words, &address->v6.sin6_addr, sizeof address->v6.sin6_addr);
        words[4] = address->v6.sin6_port;
        words[5] = address->v6.sin6_scope_id;
    }
    for (int i = 0; i < WORDS; i++) sum += words[i] * keys[i];
    return (size_t)(sum >> 32);
}

/* Where the address is, or would be. */
static UdpFlowObject **place(const struct sip_udp_flows *flows, const union sip_sockaddr *remote) {
    size_t i = hash(remote) & flows->mask;
    while (flows->slots[i] && !sip_udp_same_address(&flows->slots[i]->to, remote)) i = (i + 1) & flows->mask;
    return &flows->slots[i];
}

UdpFlowObject *sip_udp_flows_find(const struct sip_udp_flows *flows, const union sip_sockaddr *remote) {
    return flows->slots ? *place(flows, remote) : NULL;
}

static int grow(struct sip_udp_flows *flows) {
    size_t slots = flows->slots ? 2 * (flows->mask + 1) : FIRST_SLOTS;
    struct sip_udp_flows larger = {.slots = PyMem_Calloc(slots, sizeof *larger.slots), .count = flows->count, .mask = slots - 1};
    if (!larger.slots) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; flows->slots && i <= flows->mask; i++)
        if (flows->slots[i]) *place(&larger, &flows->slots[i]->to) = flows->slots[i];
    PyMem_Free(flows->slots);
    *flows = larger;
    return 0;
}

int sip_udp_flows_keep(struct sip_udp_flows *flows, UdpFlowObject *flow) {
    if (make_keys() < 0) return -1;
    if (flows->count >= SIP_UDP_FLOWS) sip_udp_flows_clear(flows);
    if ((!flows->slots || 2 * flows->count > flows->mask) && grow(flows) < 0) return -1;
    UdpFlowObject **slot = place(flows, &flow->to), *before = *slot;
    *slot = (UdpFlowObject *)Py_NewRef(flow);
    flows->count += !before;
    Py_XDECREF(before);
    return 0;
}

void sip_udp_flows_clear(struct sip_udp_flows *flows) {
    struct sip_udp_flows cleared = *flows;
    *flows = (struct sip_udp_flows){NULL, 0, 0};
    for (size_t i = 0; cleared.slots && i <= cleared.mask; i++) Py_XDECREF(cleared.slots[i]);
    PyMem_Free(cleared.slots);
}
