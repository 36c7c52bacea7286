/* A relay thread as control sees it: begun, told of sockets, asked for things between two packets, ended. */
#include "relay_loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "relay_crypto.h"

#define FIFO_PRIORITY 1 /* the lowest one is already above all ordinary threads */

enum relay_error relay_thread_open(struct relay_thread *thread, const struct relay_table *table,
                                   struct relay_crypto *const *crypto, const struct relay_taping *taping,
                                   const relay_origin *origins, const struct relay_raw_sources *sources, const struct relay_own *own,
                                   struct relay_news *news, uint64_t owner)
{
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = RELAY_EVENT_WAKE};
    *thread = (struct relay_thread){.table = table, .crypto = crypto, .taping = taping, .origins = origins,
                                    .sources = sources, .own = own, .news = news, .owner = owner, .epoll = -1, .wake = -1};
    sem_init(&thread->acknowledged, 0, 0);
    uint8_t *room = malloc(RELAY_RAW_ROOM + RELAY_DATAGRAM_BYTES + RELAY_SRTP_ROOM);
    thread->datagram = room == NULL ? NULL : room + RELAY_RAW_ROOM;
    thread->early = calloc(1, sizeof *thread->early);
    if (thread->early != NULL)
        thread->early->keep_ns = RELAY_EARLY_NS;
    thread->inbox = (struct relay_inbox){.tape = relay_tape_open(), .wake = news->inbox_fd};
    if (thread->datagram == NULL || thread->early == NULL || thread->inbox.tape == NULL)
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
    int failed = pthread_create(&thread->id, NULL, relay_loop, thread);
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
    for (int family = 0; family < RELAY_RAW_FAMILIES; family++)
        relay_raw_close(&thread->raw[family]);
    if (thread->datagram != NULL)
        free(thread->datagram - RELAY_RAW_ROOM);
    free(thread->early);
    relay_tape_close(thread->inbox.tape);
    *thread = (struct relay_thread){.epoll = -1, .wake = -1};
}

enum relay_error relay_thread_watch(struct relay_thread *thread, uint32_t stream, int component, int side, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                .data.u64 = (uint64_t)fd << RELAY_EVENT_FD_SHIFT | relay_leg_index(stream, component, side)};
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
