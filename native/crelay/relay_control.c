/* The relay as a whole: made, started, stopped, given up. */
#include "relay_state.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static enum relay_error allocate(struct relay *relay, uint32_t threads)
{
    uint32_t capacity = relay->table.header->capacity;
    relay->threads = calloc(threads, sizeof *relay->threads);
    relay->sockets = malloc(capacity * sizeof *relay->sockets);
    relay->attached = calloc(capacity, sizeof *relay->attached);
    relay->crypto = calloc(capacity, sizeof *relay->crypto);
    relay->heard = calloc(capacity, sizeof *relay->heard);
    relay->taping = calloc(capacity, sizeof *relay->taping);
    relay->origins = calloc(capacity, RELAY_COMPONENTS * RELAY_SIDES * sizeof *relay->origins);
    relay->free_streams = malloc(capacity * sizeof *relay->free_streams);
    relay->leaving = malloc(capacity * sizeof *relay->leaving);
    relay->news.latched = calloc(capacity, RELAY_COMPONENTS * RELAY_SIDES);
    if (!relay->threads || !relay->sockets || !relay->attached || !relay->crypto || !relay->heard || !relay->taping || !relay->origins ||
        !relay->free_streams || !relay->leaving || !relay->news.latched)
        return RELAY_ERROR_MEMORY;
    memset(relay->sockets, -1, capacity * sizeof *relay->sockets);
    for (uint32_t stream = capacity; stream-- > 0;)
        if (relay->table.streams[stream].state == RELAY_FREE)
            relay->free_streams[relay->free_count++] = stream;
    return RELAY_OK;
}

static enum relay_error open_threads(struct relay *relay, uint32_t threads)
{
    relay->news.inbox_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (relay->news.inbox_fd < 0)
        return RELAY_ERROR_SYSTEM;
    relay->news.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (relay->news.fd < 0)
        return RELAY_ERROR_SYSTEM;
    for (; relay->thread_count < threads; relay->thread_count++) {
        struct relay_thread *thread = &relay->threads[relay->thread_count];
        enum relay_error error = relay_thread_open(thread, &relay->table, relay->crypto, relay->taping,
                                                    relay->origins, &relay->sources, &relay->own, &relay->news,
                                                    relay->owner);
        if (error != RELAY_OK) {
            relay_thread_close(thread);
            return error;
        }
    }
    return RELAY_OK;
}

enum relay_error relay_open(struct relay **out, uint32_t threads, uint32_t capacity, bool fifo, int table_fd)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return RELAY_ERROR_MEMORY;
    relay->fifo = fifo;
    relay->table.fd = relay->news.fd = relay->news.inbox_fd = -1;
    pthread_mutex_init(&relay->mutex, NULL);
    enum relay_error error = relay_count_forks(relay);
    if (error == RELAY_OK)
        error = table_fd < 0 ? relay_table_create(&relay->table, capacity) : relay_table_attach(&relay->table, table_fd);
    if (error != RELAY_OK || (error = allocate(relay, threads)) != RELAY_OK)
        goto fail;
    relay->owner = relay_table_own(&relay->table);
    if ((error = open_threads(relay, threads)) != RELAY_OK)
        goto fail;
    *out = relay;
    return RELAY_OK;
fail:
    relay_close(relay);
    return error;
}

void relay_keep_early(struct relay *relay, uint64_t keep_ns)
{
    for (uint32_t i = 0; i < relay->thread_count; i++)
        relay->threads[i].early->keep_ns = keep_ns;
}

enum relay_error relay_use_raw(struct relay *relay, int fd)
{
    struct relay_raw raw;
    int family;
    enum relay_error error = relay_raw_open(&raw, &family, fd);
    for (uint32_t i = 0; i < relay->thread_count && error == RELAY_OK; i++)
        if (relay_thread_use_raw(&relay->threads[i], family, &raw))
            return RELAY_OK;
    relay_raw_close(&raw);
    return error == RELAY_OK ? RELAY_ERROR_RAW : error;
}

enum relay_error relay_add_own(struct relay *relay, const union relay_address *host, uint16_t first, uint16_t last)
{
    enum relay_error error = relay_lock(relay);
    if (error != RELAY_OK)
        return error;
    return relay_unlock(relay, relay_own_add(&relay->own, host, first, last) ? RELAY_OK : RELAY_ERROR_MEMORY);
}

enum relay_error relay_start(struct relay *relay)
{
    enum relay_error error = relay_lock(relay);
    if (error != RELAY_OK)
        return error;
    for (uint32_t i = 0; i < relay->thread_count && error == RELAY_OK; i++)
        error = relay_thread_start(&relay->threads[i], relay->fifo);
    return relay_unlock(relay, error);
}

void relay_close_sockets(struct relay *relay, uint32_t stream)
{
    RELAY_FOR_SOCKETS (component, side) {
        int *fd = &relay->sockets[stream][side][component];
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
    relay->attached[stream] = false;
}

void relay_stop(struct relay *relay)
{
    if (relay_forked(relay))
        return;
    pthread_mutex_lock(&relay->mutex);
    for (uint32_t i = 0; i < relay->thread_count; i++)
        relay_thread_stop(&relay->threads[i]);
    const bool ours = relay->fast != NULL && relay_get(relay->table.header->owner) == relay->owner;
    for (uint32_t stream = 0; ours && stream < relay->table.header->capacity; stream++)
        relay_leave_fast(relay, stream);
    relay_recorder_close(relay->recorder, true);
    relay->recorder = NULL;
    for (uint32_t stream = 0; !relay->stopped && stream < relay->table.header->capacity; stream++)
        relay_close_sockets(relay, stream);
    relay->stopped = true;
    pthread_mutex_unlock(&relay->mutex);
}

void relay_close(struct relay *relay)
{
    bool whole = relay->news.fd >= 0;
    if (whole)
        relay_stop(relay);
    if (relay_forked(relay))
        relay_recorder_close(relay->recorder, false);
    for (uint32_t stream = 0; whole && relay_forked(relay) && stream < relay->table.header->capacity; stream++)
        relay_close_sockets(relay, stream);
    (relay_forked(relay) ? relay_fast_abandon : relay_fast_close)(relay->fast);
    for (uint32_t i = 0; i < relay->thread_count; i++)
        (relay_forked(relay) ? relay_thread_abandon : relay_thread_close)(&relay->threads[i]);
    if (relay->news.fd >= 0)
        close(relay->news.fd);
    if (relay->news.inbox_fd >= 0)
        close(relay->news.inbox_fd);
    for (uint32_t stream = 0; relay->crypto != NULL && stream < relay->table.header->capacity; stream++)
        relay_drop_crypto(relay, stream);
    relay_table_close(&relay->table);
    free(relay->crypto);
    free(relay->heard);
    free(relay->taping);
    free(relay->origins);
    free(relay->threads);
    free(relay->sockets);
    free(relay->attached);
    free(relay->free_streams);
    free(relay->leaving);
    free(relay->news.latched);
    free(relay);
}

uint32_t relay_threads(const struct relay *relay) { return relay->thread_count; }
uint32_t relay_capacity(const struct relay *relay) { return relay->table.header->capacity; }
int relay_table_fd(const struct relay *relay) { return relay->table.fd; }
int relay_fast_legs_fd(const struct relay *relay) { return relay->fast == NULL ? -1 : relay->fast->legs_fd; }
int relay_fast_changes_fd(const struct relay *relay) { return relay->fast == NULL ? -1 : relay->fast->changes; }
int relay_event_fd(const struct relay *relay) { return relay->news.fd; }
uint64_t relay_turns(const struct relay *relay, uint32_t thread) { return relay_get(relay->threads[thread].turns); }

void relay_get_raw(const struct relay *relay, struct relay_raw_status *status)
{
    *status = (struct relay_raw_status){0};
    for (uint32_t i = 0; i < relay->thread_count; i++)
        for (int family = 0; family < RELAY_RAW_FAMILIES; family++) {
            const struct relay_raw *raw = &relay->threads[i].raw[family];
            bool given_up = relay_get(raw->given_up);
            status->sockets += raw->fd > 0 && !given_up;
            status->given_up += given_up;
            status->packets += relay_get(raw->packets);
            status->refused += relay_get(raw->refused);
        }
}

void relay_get_early(const struct relay *relay, uint64_t *judged, uint64_t *dropped)
{
    *judged = *dropped = 0;
    for (uint32_t i = 0; i < relay->thread_count; i++) {
        *judged += relay_get(relay->threads[i].early->judged);
        *dropped += relay_get(relay->threads[i].early->dropped);
    }
}

uint32_t relay_fifo_threads(const struct relay *relay)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < relay->thread_count; i++)
        count += relay->threads[i].fifo;
    return count;
}
