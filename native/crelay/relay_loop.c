#include "relay_loop.h"

#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "relay_ice.h"
#include "relay_latch.h"
#include "relay_packet.h"
#include "relay_taping.h"

#define EVENTS 64

uint64_t relay_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void tell_latched(struct relay_thread *thread, uint32_t leg)
{
    uint64_t one = 1;
    __atomic_store_n(&thread->news->latched[leg], 1, __ATOMIC_RELEASE);
    (void)!write(thread->news->fd, &one, sizeof one); /* full: readable anyway */
}

/* A socket that is ready without a datagram must not be so for ever, or the thread would spin. An ICMP error is gone by having
 * been read; others wait in the error queue; one that somebody shut down has nothing to say any more. */
static void clear_error(struct relay_thread *thread, int fd, uint32_t ready)
{
    if ((ready & (EPOLLHUP | EPOLLRDHUP)) != 0)
        relay_thread_unwatch(thread, fd);
    else if ((ready & EPOLLERR) != 0)
        (void)!recv(fd, thread->datagram, RELAY_DATAGRAM_BYTES, MSG_ERRQUEUE | MSG_DONTWAIT);
}

/* The lines of the table that a packet touches, fetched while the kernel looks for it: a miss costs as much as all we do with
 * them. */
static inline void prefetch(const struct relay_stream *stream, int component, int side)
{
    const struct relay_component *sides = stream->component[component];
    __builtin_prefetch(&sides[side].leg);
    __builtin_prefetch(&sides[side].flow, 1);
    __builtin_prefetch(&sides[!side].leg);
}

/* By the raw socket where the leg has an origin for it, else, or if the kernel refuses that, by its own. */
static bool send_out(struct relay_thread *thread, uint32_t leg, const struct relay_route *route, struct relay_datagram *datagram)
{
    relay_origin origin = __atomic_load_n(&thread->origins[leg], __ATOMIC_ACQUIRE);
    enum relay_raw_result result = RELAY_RAW_NOT_FIT;
    if (origin != RELAY_OWN_SOCKET)
        result = relay_raw_send(thread->raw, thread->sources, origin, route->to, datagram->data, datagram->size);
    if (result == RELAY_RAW_SENT)
        return true;
    ssize_t sent = sendto(route->fd, datagram->data, datagram->size, MSG_DONTWAIT, &route->to->any,
                          relay_address_length(route->to));
    if (result == RELAY_RAW_REFUSED && sent >= 0)
        relay_raw_outdone(&thread->raw[relay_raw_family(route->to->any.sa_family)]);
    return sent == (ssize_t)datagram->size;
}

/* What came for a leg at that time. Whether it is to be kept. */
static inline bool take(struct relay_thread *thread, uint32_t leg, struct relay_datagram *datagram, uint64_t now_ns)
{
    uint32_t number = leg >> 2;
    struct relay_route route;
    bool forward = relay_packet(&thread->table->streams[number], thread->crypto[number], (int)(leg >> 1 & 1), (int)(leg & 1),
                                datagram, now_ns, &route);
    if (__builtin_expect(route.latched, 0))
        tell_latched(thread, leg);
    if (forward)
        relay_packet_sent(&route, send_out(thread, relay_leg_index(number, route.component, !(leg & 1)), &route, datagram));
    return route.early;
}

void relay_loop_judge_early(struct relay_thread *thread, uint32_t number)
{
    struct relay_stream *stream = &thread->table->streams[number];
    uint64_t now_ns = relay_now_ns();
    uint32_t at = 0, leg;
    const struct relay_early_slot *slot;
    relay_put(stream->early, 0);
    for (int side = 0; side < RELAY_SIDES && relay_get(stream->ice) != 0; side++) /* whose legs go by their settings from now on */
        relay_ice_settle(stream, relay_ice_of(thread->table, number), side);
    while ((slot = relay_early_take(thread->early, thread->table->streams, number, &at, &leg, now_ns)) != NULL) {
        struct relay_datagram datagram = {.data = thread->datagram, .size = slot->size, .source = slot->source,
                                          .taping = &thread->taping[number], .inbox = &thread->inbox, .leg = leg,
                                          .own = thread->own, .ice = relay_ice_of(thread->table, number)};
        memcpy(thread->datagram, relay_early_data(thread->early, slot), slot->size);
        relay_count(thread->early->judged, 1);
        (void)take(thread, leg, &datagram, slot->at_ns);
    }
}

/* Either control finds it kept, or we find that control waits for it no longer. */
static void keep(struct relay_thread *thread, uint32_t leg, const struct relay_datagram *datagram, uint64_t now_ns)
{
    struct relay_stream *streams = thread->table->streams;
    relay_early_put(thread->early, streams, leg, &datagram->source, datagram->data, datagram->size, now_ns);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (relay_get(streams[leg >> 2].awaited) == 0)
        relay_loop_judge_early(thread, leg >> 2);
}

/* STUN that is for us, by the socket it came to. */
static bool take_stun(struct relay_thread *thread, uint32_t leg, int fd, const struct relay_datagram *datagram, uint64_t now_ns)
{
    struct relay_stream *stream = &thread->table->streams[leg >> 2];
    struct relay_ice_answer answer;
    enum relay_ice_outcome outcome = relay_ice_take(stream, relay_ice_of(thread->table, leg >> 2), (int)(leg >> 1 & 1), (int)(leg & 1),
                                                    datagram, now_ns, &answer);
    if (outcome == RELAY_ICE_NOT)
        return false;
    if (outcome == RELAY_ICE_ANSWERED)
        (void)!sendto(fd, answer.data, answer.size, MSG_DONTWAIT, &datagram->source.any, relay_address_length(&datagram->source));
    if (answer.moved)
        tell_latched(thread, leg);
    return true;
}

/* One datagram of a socket that has some. The next one waits for the next turn: epoll reports the socket again, which costs
 * less than a recvfrom that finds nothing, and no socket can keep the others waiting. */
static void relay_ready(struct relay_thread *thread, const struct epoll_event *event, uint64_t now_ns)
{
    uint32_t leg = (uint32_t)event->data.u64;
    int fd = (int)(event->data.u64 >> RELAY_EVENT_FD_SHIFT), component = (int)(leg >> 1 & 1), side = (int)(leg & 1);
    struct relay_stream *stream = &thread->table->streams[leg >> 2];
    struct relay_crypto *crypto = thread->crypto[leg >> 2];
    struct relay_datagram datagram = {.data = thread->datagram, .taping = &thread->taping[leg >> 2], .inbox = &thread->inbox, .leg = leg,
                                      .own = thread->own, .ice = relay_ice_of(thread->table, leg >> 2)};
    socklen_t length = sizeof datagram.source;
    if (__builtin_expect(relay_fast_has(thread->fast, leg >> 2), 0)) {
        relay_fast_fetch(thread->fast, leg >> 2, stream);
        datagram.fast = (struct relay_fast_place){thread->fast, leg >> 2};
    }
    prefetch(stream, component, side);
    if (__builtin_expect(crypto != NULL, 0))
        relay_crypto_fetch(crypto, side);
    ssize_t size = recvfrom(fd, thread->datagram, RELAY_DATAGRAM_BYTES, MSG_DONTWAIT, &datagram.source.any, &length);
    if (__builtin_expect(size < 0, 0)) {
        clear_error(thread, fd, event->events);
        return;
    }
    datagram.size = (size_t)size;
    if (__builtin_expect(relay_stun_is(datagram.data, datagram.size), 0) && take_stun(thread, leg, fd, &datagram, now_ns))
        return;
    if (__builtin_expect(take(thread, leg, &datagram, now_ns), 0))
        keep(thread, leg, &datagram, now_ns);
}

/* A request of control: everything collected before it has been handled, because events are handled one after the other. */
static bool answer_control(struct relay_thread *thread)
{
    uint64_t requests;
    if (read(thread->wake, &requests, sizeof requests) == (ssize_t)sizeof requests) {
        if (thread->task != NULL)
            thread->task(thread->argument);
        sem_post(&thread->acknowledged);
    }
    return __atomic_load_n(&thread->stop, __ATOMIC_ACQUIRE) == 0;
}

/* Another relay has the table: touch nothing of it any more, but keep answering control. */
static bool idle(struct relay_thread *thread)
{
    struct pollfd wake = {.fd = thread->wake, .events = POLLIN};
    do
        poll(&wake, 1, -1);
    while (answer_control(thread));
    return false;
}

/* Of the packet after this one. */
static inline void foresee(const struct relay_thread *thread, const struct epoll_event *event)
{
    if (event->data.u64 != RELAY_EVENT_WAKE && thread->crypto[(uint32_t)event->data.u64 >> 2] != NULL)
        relay_crypto_foresee(thread->crypto[(uint32_t)event->data.u64 >> 2]);
}

static inline bool owns_table(const struct relay_thread *thread)
{
    return __atomic_load_n(&thread->table->header->owner, __ATOMIC_ACQUIRE) == thread->owner;
}

void *relay_loop(void *argument)
{
    struct relay_thread *thread = argument;
    struct epoll_event events[EVENTS];
    bool more = true;
    while (more) {
        int ready = epoll_wait(thread->epoll, events, EVENTS, -1);
        uint64_t now_ns = relay_now_ns();
        for (int i = 0; i < ready && more; i++) {
            if (i + 1 < ready)
                foresee(thread, &events[i + 1]);
            if (__builtin_expect(events[i].data.u64 == RELAY_EVENT_WAKE, 0))
                more = answer_control(thread);
            else if (__builtin_expect(owns_table(thread), 1))
                relay_ready(thread, &events[i], now_ns);
            else
                more = idle(thread);
        }
        relay_count(thread->turns, more);
    }
    return NULL;
}
