#include "relay_thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "relay_packet.h"
#include "relay_taping.h"

#define EVENTS 64
#define FD_SHIFT 32 /* an event's data: the leg and, above it, its socket, which can be asked before the leg's line is there */
#define WAKE UINT64_MAX
#define FIFO_PRIORITY 1 /* the lowest one is already above all ordinary threads */

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

/* One datagram of a socket that has some. The next one waits for the next turn: epoll reports the socket again, which costs
 * less than a recvfrom that finds nothing, and no socket can keep the others waiting. */
static void relay_ready(struct relay_thread *thread, const struct epoll_event *event, uint64_t now_ns)
{
    uint32_t leg = (uint32_t)event->data.u64;
    int fd = (int)(event->data.u64 >> FD_SHIFT), component = (int)(leg >> 1 & 1), side = (int)(leg & 1);
    struct relay_stream *stream = &thread->table->streams[leg >> 2];
    const struct relay_crypto *crypto = thread->crypto[leg >> 2];
    struct relay_route route;
    struct relay_datagram datagram = {.data = thread->datagram, .taping = &thread->taping[leg >> 2], .own = thread->own};
    socklen_t length = sizeof datagram.source;
    prefetch(stream, component, side);
    if (__builtin_expect(crypto != NULL, 0))
        relay_crypto_prefetch(crypto, side);
    ssize_t size = recvfrom(fd, thread->datagram, RELAY_DATAGRAM_BYTES, MSG_DONTWAIT, &datagram.source.any, &length);
    if (__builtin_expect(size < 0, 0)) {
        clear_error(thread, fd, event->events);
        return;
    }
    datagram.size = (size_t)size;
    bool forward = relay_packet(stream, crypto, component, side, &datagram, now_ns, &route);
    if (__builtin_expect(route.latched, 0))
        tell_latched(thread, leg);
    if (forward)
        relay_packet_sent(&route, send_out(thread, relay_leg_index(leg >> 2, route.component, !side), &route, &datagram));
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

static inline bool owns_table(const struct relay_thread *thread)
{
    return __atomic_load_n(&thread->table->header->owner, __ATOMIC_ACQUIRE) == thread->owner;
}

static void *run(void *argument)
{
    struct relay_thread *thread = argument;
    struct epoll_event events[EVENTS];
    bool more = true;
    while (more) {
        int ready = epoll_wait(thread->epoll, events, EVENTS, -1);
        uint64_t now_ns = relay_now_ns();
        for (int i = 0; i < ready && more; i++) {
            if (__builtin_expect(events[i].data.u64 == WAKE, 0))
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

enum relay_error relay_thread_open(struct relay_thread *thread, const struct relay_table *table,
                                   struct relay_crypto *const *crypto, const struct relay_taping *taping,
                                   const relay_origin *origins, const struct relay_raw_sources *sources, const struct relay_own *own,
                                   struct relay_news *news, uint64_t owner)
{
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = WAKE};
    *thread = (struct relay_thread){.table = table, .crypto = crypto, .taping = taping, .origins = origins,
                                    .sources = sources, .own = own, .news = news, .owner = owner, .epoll = -1, .wake = -1};
    sem_init(&thread->acknowledged, 0, 0);
    uint8_t *room = malloc(RELAY_RAW_ROOM + RELAY_DATAGRAM_BYTES + RELAY_SRTP_ROOM);
    thread->datagram = room == NULL ? NULL : room + RELAY_RAW_ROOM;
    thread->engine = relay_engine_open();
    if (thread->datagram == NULL || thread->engine == NULL)
        return RELAY_ERROR_MEMORY;
    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    thread->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (thread->epoll < 0 || thread->wake < 0 || epoll_ctl(thread->epoll, EPOLL_CTL_ADD, thread->wake, &wake) < 0)
        return RELAY_ERROR_SYSTEM;
    return RELAY_OK;
}

enum relay_error relay_thread_start(struct relay_thread *thread, bool fifo)
{
    sigset_t all, before;
    struct sched_param priority = {.sched_priority = FIFO_PRIORITY};
    if (thread->running)
        return RELAY_OK;
    __atomic_store_n(&thread->stop, 0, __ATOMIC_RELEASE);
    sigfillset(&all); /* signals are for the threads that know what to do about them */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->id, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        errno = failed;
        return RELAY_ERROR_SYSTEM;
    }
    thread->running = true;
    pthread_setname_np(thread->id, "relay");
    thread->fifo = fifo && pthread_setschedparam(thread->id, SCHED_FIFO, &priority) == 0;
    return RELAY_OK;
}

static void wake(struct relay_thread *thread)
{
    uint64_t one = 1;
    (void)!write(thread->wake, &one, sizeof one);
}

void relay_thread_stop(struct relay_thread *thread)
{
    if (!thread->running)
        return;
    __atomic_store_n(&thread->stop, 1, __ATOMIC_RELEASE);
    wake(thread);
    pthread_join(thread->id, NULL);
    thread->running = false;
    thread->fifo = false;
    while (sem_trywait(&thread->acknowledged) == 0)
        continue;
}

void relay_thread_close(struct relay_thread *thread)
{
    relay_thread_stop(thread);
    sem_destroy(&thread->acknowledged);
    relay_thread_abandon(thread);
}

void relay_thread_abandon(struct relay_thread *thread)
{
    if (thread->epoll >= 0)
        close(thread->epoll);
    if (thread->wake >= 0)
        close(thread->wake);
    relay_engine_close(thread->engine);
    for (int family = 0; family < RELAY_RAW_FAMILIES; family++)
        relay_raw_close(&thread->raw[family]);
    if (thread->datagram != NULL)
        free(thread->datagram - RELAY_RAW_ROOM);
    *thread = (struct relay_thread){.epoll = -1, .wake = -1};
}

enum relay_error relay_thread_watch(struct relay_thread *thread, uint32_t stream, int component, int side, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                .data.u64 = (uint64_t)fd << FD_SHIFT | relay_leg_index(stream, component, side)};
    return epoll_ctl(thread->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? RELAY_ERROR_SYSTEM : RELAY_OK;
}

void relay_thread_unwatch(struct relay_thread *thread, int fd)
{
    int saved = errno;
    epoll_ctl(thread->epoll, EPOLL_CTL_DEL, fd, NULL);
    errno = saved;
}

bool relay_thread_use_raw(struct relay_thread *thread, int family, const struct relay_raw *raw)
{
    struct relay_raw *own = &thread->raw[relay_raw_family(family)];
    bool free_place = own->fd <= 0;
    if (free_place)
        *own = *raw;
    return free_place;
}

void relay_thread_settle(struct relay_thread *thread)
{
    if (!thread->running)
        return;
    wake(thread);
    while (sem_wait(&thread->acknowledged) < 0 && errno == EINTR)
        continue;
}

void relay_thread_run(struct relay_thread *thread, void (*task)(void *argument), void *argument)
{
    if (!thread->running) {
        task(argument);
        return;
    }
    thread->task = task;
    thread->argument = argument;
    relay_thread_settle(thread);
    thread->task = NULL;
}
