/* A relay thread: an epoll loop over the sockets of its streams. It takes no lock, allocates nothing and never waits but in
 * epoll_wait. Control speaks to it by the table, by epoll_ctl and by ``wake``; it answers by ``acknowledged``. */
#ifndef RELAY_THREAD_H
#define RELAY_THREAD_H

#include <pthread.h>
#include <semaphore.h>

#include "relay_early.h"
#include "relay_fast.h"
#include "relay_inbox.h"
#include "relay_own.h"
#include "relay_raw.h"

struct relay_crypto;
struct relay_taping;

#define RELAY_DATAGRAM_BYTES 65536

/* What the threads tell the application: a byte a leg, set by the thread, cleared by control, and a descriptor to wait on. */
struct relay_news {
    uint8_t *latched; /* by relay_leg_index */
    int fd;
    int inbox_fd; /* for what is in the threads' inboxes */
};

struct relay_thread {
    const struct relay_table *table;
    struct relay_crypto *const *crypto; /* by stream; see struct relay */
    const struct relay_taping *taping;  /* the same */
    const relay_origin *origins;        /* by relay_leg_index; control */
    const struct relay_raw_sources *sources; /* what origins name; control */
    const struct relay_own *own; /* control */
    struct relay_news *news;
    uint64_t owner; /* the header's, as long as the table is ours */
    int epoll;
    int wake;            /* eventfd; control writes, one request at a time */
    sem_t acknowledged;  /* thread posts when a request is seen: no event of before it is being handled any more */
    uint32_t stop;       /* control */
    uint64_t turns;      /* thread */
    uint32_t streams;    /* control */
    bool leaving;        /* control: it had streams that were removed since it was last settled */
    bool running;        /* control */
    bool fifo;           /* control */
    pthread_t id;
    void (*task)(void *argument); /* control: to be run by the thread, before it acknowledges */
    void *argument;
    uint8_t *datagram; /* RELAY_DATAGRAM_BYTES, room for headers before and for what SRTP appends after; the thread's */
    struct relay_early *early; /* the thread's */
    struct relay_raw raw[RELAY_RAW_FAMILIES]; /* there before streams are */
    struct relay_fast *fast; /* the same; NULL: none */
    struct relay_inbox inbox;
};

uint64_t relay_now_ns(void);

/* Makes what the thread needs, epoll first, so that streams can be added before it runs. */
enum relay_error relay_thread_open(struct relay_thread *thread, const struct relay_table *table,
                                   struct relay_crypto *const *crypto, const struct relay_taping *taping,
                                   const relay_origin *origins, const struct relay_raw_sources *sources, const struct relay_own *own,
                                   struct relay_news *news, uint64_t owner);
enum relay_error relay_thread_start(struct relay_thread *thread, bool fifo);

/* Ends and joins it; it may be started again. */
void relay_thread_stop(struct relay_thread *thread);
void relay_thread_close(struct relay_thread *thread);

/* In a forked process, where the thread does not run: lets go of what it had without a word to the other one. */
void relay_thread_abandon(struct relay_thread *thread);

/* Watches a leg's socket. The leg must be complete: its packets may be handled before this returns. */
enum relay_error relay_thread_watch(struct relay_thread *thread, uint32_t stream, int component, int side, int fd);
void relay_thread_unwatch(struct relay_thread *thread, int fd);

/* Takes ``raw`` over unless the thread has one of that family. Not while it has streams. */
bool relay_thread_use_raw(struct relay_thread *thread, int family, const struct relay_raw *raw);

/* Returns when the thread has finished with everything it had seen before. Blocks for that long. */
void relay_thread_settle(struct relay_thread *thread);

/* Runs ``task`` between two packets of the thread. Blocks until it is done. */
void relay_thread_run(struct relay_thread *thread, void (*task)(void *argument), void *argument);

static inline uint32_t relay_leg_index(uint32_t stream, int component, int side)
{
    return stream << 2 | (uint32_t)component << 1 | (uint32_t)side;
}

#endif
