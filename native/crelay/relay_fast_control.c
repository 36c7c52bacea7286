/* Which streams are on the fast path: control looks for those that may be, and takes off each that is about to change. */
#include <sys/ioctl.h>

#include "relay_latch.h"
#include "relay_socket.h"
#include "relay_state.h"

#define HARMLESS (RELAY_FLAG_MUX | RELAY_FLAG_FEEDBACK) /* they concern RTCP, which always comes to the sockets */
#define MOST_A_SCAN 256
#define MOST_ODD 6 /* doublings of the scans between two attempts */

/* A stream whose thread is to take it on or off. */
struct task {
    struct relay *relay;
    struct relay_stream *stream;
    uint32_t number;
    struct relay_fast_leg plan[RELAY_SIDES];
    union relay_address remote[RELAY_SIDES]; /* which the plan was made for */
    bool on;
};

enum relay_error relay_use_fast(struct relay *relay, int pairs, int legs)
{
    enum relay_error error = relay_fast_open(&relay->fast, pairs, legs, relay->table.header->capacity);
    for (uint32_t i = 0; i < relay->thread_count && error == RELAY_OK; i++)
        relay->threads[i].fast = relay->fast;
    return error;
}

enum relay_error relay_use_fast_at(struct relay *relay, uint32_t interface)
{
    return relay->fast != NULL && relay_fast_add_interface(relay->fast, interface) ? RELAY_OK : RELAY_ERROR_FAST;
}

static void leave(void *argument)
{
    struct task *task = argument;
    if (relay_fast_has(task->relay->fast, task->number))
        relay_fast_leave(task->relay->fast, task->number, task->stream);
}

void relay_leave_fast(struct relay *relay, uint32_t number)
{
    struct relay_stream *stream = &relay->table.streams[number];
    struct task task = {.relay = relay, .stream = stream, .number = number};
    if (relay_fast_has(relay->fast, number))
        relay_thread_run(&relay->threads[stream->thread], leave, &task);
}

enum relay_error relay_lock_change(struct relay *relay, uint32_t number, struct relay_stream **stream)
{
    enum relay_error error = relay_lock_stream(relay, number, stream);
    if (error == RELAY_OK)
        relay_leave_fast(relay, number);
    return error;
}

/* Both parties have sent, it is known where they are, and nothing has to be done with what they send. */
static bool side_fits(const struct relay *relay, struct relay_stream *stream, int side)
{
    const struct relay_component *rtp = &stream->component[RELAY_RTP_COMPONENT][side];
    union relay_address remote;
    relay_words_get(&remote, &rtp->leg.remote, sizeof remote);
    return (relay_get(rtp->leg.flags) & ~HARMLESS) == 0 && relay_get(rtp->leg.setting_sequence) == relay_get(rtp->leg.taken) &&
           (relay_get(rtp->leg.latched) != RELAY_NOT_LATCHED || relay_get(rtp->leg.mode) == RELAY_FIXED) &&
           relay_get(rtp->leg.mode) != RELAY_ICE && /* the next check may nominate another address */
           relay_get(rtp->flow.packets) > 0 && relay_address_known(&remote) && !relay_own_has(&relay->own, &remote);
}

static bool fits(const struct relay *relay, uint32_t number)
{
    struct relay_stream *stream = &relay->table.streams[number];
    return relay->crypto[number] == NULL && side_fits(relay, stream, 0) && side_fits(relay, stream, 1);
}

/* Nothing waits at the socket that what comes after it could overtake. */
static bool is_empty(int fd)
{
    int size = 0;
    return ioctl(fd, FIONREAD, &size) == 0 && size == 0;
}

static void enter(void *argument)
{
    struct task *task = argument;
    const struct relay *relay = task->relay;
    bool same = fits(relay, task->number);
    for (int side = 0; side < RELAY_SIDES && same; side++)
        same = relay_address_same(&relay_leg_of(task->stream, RELAY_RTP_COMPONENT, side)->remote, &task->remote[side]) &&
               is_empty(relay->sockets[task->number][side][RELAY_RTP_COMPONENT]);
    task->on = same && relay_fast_enter(relay->fast, task->number, task->stream, task->plan);
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

/* How packets of the other side leave to this one. */
static bool plan_way(const struct relay_fast *fast, int fd, const union relay_address *remote, struct relay_fast_leg *leg)
{
    union relay_address local;
    socklen_t length = sizeof local;
    memset(&local, 0, sizeof local);
    if (getsockname(fd, &local.any, &length) < 0 || local.any.sa_family != remote->any.sa_family ||
        relay_address_wildcard(&local) || is_scoped(&local) || is_scoped(remote))
        return false;
    enum relay_way_out way = relay_fast_route(fast, &local, remote, &leg->interface);
    if (way == RELAY_WAY_LOCAL)
        leg->interface = 0;
    const bool four = local.any.sa_family == AF_INET;
    const int mark = relay_socket_mark(fd, local.any.sa_family);
    const int hops = four ? relay_socket_option(fd, IPPROTO_IP, IP_TTL) : relay_socket_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
    leg->traffic_class = (uint8_t)mark;
    leg->hop_limit = (uint8_t)hops;
    leg->out.version = four ? RELAY_FAST_IPV4 : RELAY_FAST_IPV6;
    put_end(&local, leg->out.local, &leg->out.local_port);
    put_end(remote, leg->out.remote, &leg->out.remote_port);
    return way != RELAY_NO_WAY && mark >= 0 && hops > 0;
}

/* What a stream needs that ``fits``; its thread looks whether it still does. False: the kernel could not do it. */
static bool plan(const struct relay *relay, struct task *task)
{
    for (int side = 0; side < RELAY_SIDES; side++) {
        relay_words_get(&task->remote[side], &relay_leg_of(task->stream, RELAY_RTP_COMPONENT, side)->remote, sizeof *task->remote);
        if (!plan_way(relay->fast, relay->sockets[task->number][side][RELAY_RTP_COMPONENT], &task->remote[side], &task->plan[!side]))
            return false;
    }
    if (task->plan[0].out.version != task->plan[1].out.version)
        return false;
    const uint64_t sum[RELAY_SIDES] = {sum_of(&task->plan[0].out), sum_of(&task->plan[1].out)};
    for (int side = 0; side < RELAY_SIDES; side++)
        task->plan[side].address_sum = fold(sum[side] + (uint32_t)~fold(sum[!side]));
    return true;
}

static bool is_due(const struct relay_fast *fast, uint32_t number)
{
    uint32_t odd = relay_get(fast->odd[number]);
    return (fast->scans & ((1u << (odd < MOST_ODD ? odd : MOST_ODD)) - 1)) == 0;
}

static bool take_on(struct relay *relay, uint32_t number)
{
    struct relay_stream *stream = &relay->table.streams[number];
    struct task task = {.relay = relay, .stream = stream, .number = number};
    if (fits(relay, number) && plan(relay, &task))
        relay_thread_run(&relay->threads[stream->thread], enter, &task);
    return task.on;
}

uint32_t relay_scan_fast(struct relay *relay)
{
    uint32_t on = 0, begun = 0;
    if (relay->fast == NULL || relay_lock(relay) != RELAY_OK)
        return 0;
    const bool changed = relay_fast_routes_changed(relay->fast);
    relay->fast->scans++;
    for (uint32_t number = 0; number < relay->table.header->capacity; number++) {
        if (!relay->attached[number] || relay_get(relay->table.streams[number].state) != RELAY_ACTIVE)
            continue;
        if (changed)
            relay_leave_fast(relay, number);
        else if (!relay_fast_has(relay->fast, number) && begun < MOST_A_SCAN && is_due(relay->fast, number))
            begun += take_on(relay, number);
        on += relay_fast_has(relay->fast, number);
    }
    return relay_unlock(relay, RELAY_OK), on;
}

void relay_read_flow(const struct relay *relay, uint32_t number, int component, int side, struct relay_flow *flow, uint32_t *gaps)
{
    struct relay_stream *stream = &relay->table.streams[number];
    const bool fast = component == RELAY_RTP_COMPONENT && relay_fast_has(relay->fast, number);
    const struct relay_fast_leg *leg = fast ? relay_fast_leg_of(relay->fast, number, side) : NULL;
    relay_flow_get(flow, fast ? &leg->flow : &stream->component[component][side].flow);
    *gaps = relay_get(stream->rare[component][side].gaps) + (fast ? relay_get(leg->gaps) : 0);
}
