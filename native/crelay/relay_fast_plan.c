/* How a stream would go by the fast path: whether it may, where its packets come in and leave, and what is written into them. */
#include "relay_fast_plan.h"

#include "relay_latch.h"
#include "relay_socket.h"

#define HARMLESS (RELAY_FLAG_MUX | RELAY_FLAG_FEEDBACK) /* they concern RTCP, which always comes to the sockets */
#define LOOPBACK 1 /* its interface's number, in each network namespace */

/* With ICE the next check may nominate another address. */
static bool is_treated(struct relay_component *rtp)
{
    return (relay_get(rtp->leg.flags) & ~HARMLESS) != 0 || relay_get(rtp->leg.mode) == RELAY_ICE;
}

static bool is_settled(struct relay_component *rtp, const union relay_address *remote)
{
    return relay_get(rtp->leg.setting_sequence) == relay_get(rtp->leg.taken) &&
           (relay_get(rtp->leg.latched) != RELAY_NOT_LATCHED || relay_get(rtp->leg.mode) == RELAY_FIXED) &&
           relay_get(rtp->flow.packets) > 0 && relay_address_known(remote);
}

bool relay_fast_fits(const struct relay *relay, uint32_t number, enum relay_fast_refusal *refusal)
{
    struct relay_stream *stream = &relay->table.streams[number];
    *refusal = RELAY_FAST_TREATED;
    if (relay->crypto[number] != NULL)
        return false;
    if (relay_get(stream->early) != 0) { /* what was kept is judged first */
        *refusal = RELAY_FAST_UNSETTLED;
        return false;
    }
    for (int side = 0; side < RELAY_SIDES; side++) {
        struct relay_component *rtp = &stream->component[RELAY_RTP_COMPONENT][side];
        union relay_address remote;
        relay_words_get(&remote, &rtp->leg.remote, sizeof remote);
        *refusal = is_treated(rtp)                       ? RELAY_FAST_TREATED
                   : !is_settled(rtp, &remote)           ? RELAY_FAST_UNSETTLED
                   : relay_own_has(&relay->own, &remote) ? RELAY_FAST_CHAINED
                                                         : RELAY_FAST_REFUSALS;
        if (*refusal != RELAY_FAST_REFUSALS)
            return false;
    }
    return true;
}

static void put_end(const union relay_address *address, uint8_t host[16], uint16_t *port)
{
    struct relay_host bare;
    relay_address_host(address, &bare);
    memcpy(host, bare.bytes, sizeof bare.bytes);
    *port = address->v4.sin_port; /* it lies at the same offset in both families */
}

static uint64_t sum_of(const struct relay_fast_pair *pair)
{
    return relay_raw_sum(pair->local, sizeof pair->local, relay_raw_sum(pair->remote, sizeof pair->remote, 0));
}

static uint32_t fold(uint64_t sum)
{
    while (sum >> 32 != 0)
        sum = (sum & UINT32_MAX) + (sum >> 32);
    return (uint32_t)sum;
}

static bool is_scoped(const union relay_address *address)
{
    return address->any.sa_family == AF_INET6 && address->v6.sin6_scope_id != 0;
}

/* 0: it stays on this machine. */
static bool find_way(const struct relay_fast *fast, const struct relay_fast_leg *leg, uint32_t *interface)
{
    enum relay_way_out way = relay_fast_route(fast, &leg->out, leg->traffic_class, interface);
    if (way == RELAY_WAY_LOCAL)
        *interface = 0;
    return way != RELAY_NO_WAY;
}

/* How packets of the other side leave to this one. */
static bool plan_way(const struct relay_fast *fast, int fd, const union relay_address *remote, struct relay_fast_leg *leg)
{
    union relay_address local;
    socklen_t length = sizeof local;
    memset(&local, 0, sizeof local);
    if (getsockname(fd, &local.any, &length) < 0 || local.any.sa_family != remote->any.sa_family ||
        relay_address_wildcard(&local) || is_scoped(&local) || is_scoped(remote))
        return false;
    const bool four = local.any.sa_family == AF_INET;
    const int mark = relay_socket_mark(fd, local.any.sa_family), priority = relay_socket_option(fd, SOL_SOCKET, SO_PRIORITY);
    const int hops = four ? relay_socket_option(fd, IPPROTO_IP, IP_TTL) : relay_socket_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
    leg->traffic_class = (uint8_t)mark;
    leg->hop_limit = (uint8_t)hops;
    leg->priority = (uint8_t)priority;
    leg->out.version = four ? RELAY_FAST_IPV4 : RELAY_FAST_IPV6;
    put_end(&local, leg->out.local, &leg->out.local_port);
    put_end(remote, leg->out.remote, &leg->out.remote_port);
    return mark >= 0 && hops > 0 && priority >= 0 && priority <= UINT8_MAX && find_way(fast, leg, &leg->interface);
}

static uint32_t entrance(uint32_t interface) { return interface == 0 ? LOOPBACK : interface; }

bool relay_fast_plan(const struct relay *relay, struct relay_fast_task *task)
{
    struct relay_stream *stream = &relay->table.streams[task->number];
    struct relay_fast_leg *leg = task->plan;
    task->refusal = RELAY_FAST_ROUTE;
    for (int side = 0; side < RELAY_SIDES; side++) {
        relay_words_get(&task->remote[side], &relay_leg_of(stream, RELAY_RTP_COMPONENT, side)->remote, sizeof *task->remote);
        if (!plan_way(relay->fast, relay->sockets[task->number][side][RELAY_RTP_COMPONENT], &task->remote[side], &leg[!side]))
            return false;
    }
    /* from outside nobody on this machine believes a packet that has an address of ours as its source */
    if (leg[0].out.version != leg[1].out.version || (leg[0].interface == 0) != (leg[1].interface == 0))
        return false;
    const uint64_t sum[RELAY_SIDES] = {sum_of(&leg[0].out), sum_of(&leg[1].out)};
    for (int side = 0; side < RELAY_SIDES; side++) {
        leg[side].address_sum = fold(sum[side] + (uint32_t)~fold(sum[!side]));
        leg[side].arrives = entrance(leg[!side].interface);
    }
    return true;
}

bool relay_fast_holds(const struct relay *relay, uint32_t number)
{
    for (int side = 0; side < RELAY_SIDES; side++) {
        const struct relay_fast_leg *leg = relay_fast_leg_of(relay->fast, number, side);
        uint32_t interface;
        if (!find_way(relay->fast, leg, &interface) || interface != leg->interface)
            return false;
    }
    return true;
}
