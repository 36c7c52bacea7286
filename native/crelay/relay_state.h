/* The relay's own state and how control calls get at it; for the files that implement relay_control.h. */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include "relay_control.h"
#include "relay_crypto.h"
#include "relay_reporting.h"
#include "relay_taping.h"

/* Everything here but ``news.latched`` is control's: under ``mutex`` or fixed after relay_open. */
struct relay {
    pthread_mutex_t mutex;
    struct relay_table table;
    struct relay_news news;
    struct relay_thread *threads;
    uint32_t thread_count;
    bool fifo;
    bool stopped;
    uint32_t forks; /* see relay_forked: a fork has the memory but not the threads */
    uint64_t owner;
    relay_sockets *sockets; /* by stream: what we hold open; the table's copy may be another process's by now */
    bool *attached;         /* by stream */
    struct relay_crypto **crypto; /* by stream, NULL: plain; control writes it while the stream's thread stands still */
    struct relay_heard (*heard)[RELAY_SIDES]; /* by stream: what was reported on; a thread's while control waits for it */
    struct relay_recorder *recorder; /* NULL: nothing was recorded yet */
    struct relay_taping *taping;     /* by stream; a thread's for its streams */
    relay_origin *origins;           /* by relay_leg_index: whether its thread sends by a raw socket, and from where */
    struct relay_raw_sources sources;
    struct relay_own own;
    struct relay_fast *fast; /* NULL: there is none */
    uint32_t *free_streams; /* a stack, lowest number on top at first */
    uint32_t free_count;
    uint32_t *leaving; /* removed streams whose threads may still be at a packet of theirs */
    uint32_t leaving_count;
};

static inline bool relay_each_socket(int *component, int *side)
{
    if (++*side == RELAY_SIDES) {
        *side = 0;
        ++*component;
    }
    return *component < RELAY_COMPONENTS;
}

#define RELAY_FOR_SOCKETS(component, side) for (int component = 0, side = -1; relay_each_socket(&component, &side);)

/* Decides how the leg with that socket sends, also while its thread does; its DSCP is set. */
void relay_set_origin(struct relay *relay, uint32_t stream, int component, int side, int fd);

/* What we hold open of the stream. */
void relay_close_sockets(struct relay *relay, uint32_t stream);

/* relay_reap under the lock. */
void relay_reap_locked(struct relay *relay);

/* The SRTP of a stream of a table taken over, before its thread knows of it; its end, when no thread knows of it any more. */
enum relay_error relay_adopt_crypto(struct relay *relay, uint32_t stream);
void relay_drop_crypto(struct relay *relay, uint32_t stream);

/* The same of its ICE. */
enum relay_error relay_adopt_ice(struct relay *relay, uint32_t stream);
void relay_drop_ice(struct relay *relay, uint32_t stream);

/* What the stream has of keys, or new without any, which its thread doesn't know of. */
enum relay_error relay_crypto_of(struct relay *relay, uint32_t stream, struct relay_crypto **crypto);
void relay_crypto_mark(struct relay_stream *stream); /* seals it as one that has */

/* The leg as its thread has it or, when a change has not met a packet yet, as it will be. */
void relay_read_leg(const struct relay_stream *stream, int component, int side, struct relay_leg *leg);

/* Whether this is a fork of the process that made the relay. Counted where a fork begins, since each control call asks. */
bool relay_forked(const struct relay *relay);
enum relay_error relay_count_forks(struct relay *relay);

/* Every call's first step, for one stream or for none; not locked on error. */
enum relay_error relay_lock(struct relay *relay);
enum relay_error relay_lock_stream(struct relay *relay, uint32_t number, struct relay_stream **stream);

/* The same for whoever changes something of the stream: it leaves the fast path first. */
enum relay_error relay_lock_change(struct relay *relay, uint32_t number, struct relay_stream **stream);
void relay_leave_fast(struct relay *relay, uint32_t number); /* waits for its thread when it is on it */

/* What a component received, wherever that is counted. */
void relay_read_flow(const struct relay *relay, uint32_t number, int component, int side, struct relay_flow *flow, uint32_t *gaps);

/* Returns ``error``. */
enum relay_error relay_unlock(struct relay *relay, enum relay_error error);

#endif
