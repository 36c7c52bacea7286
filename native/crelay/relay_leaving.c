/* Streams ended: what their threads had is taken back once they are through with it. */
#include "relay_loop.h"
#include "relay_state.h"

static void forget_sockets(struct relay *relay, uint32_t number)
{
    RELAY_FOR_SOCKETS (component, side)
        relay->sockets[number][side][component] = -1;
    relay->attached[number] = false;
}

/* After this its thread collects nothing more of the stream, but may still be at what it collected before. */
static void detach(struct relay *relay, uint32_t number)
{
    struct relay_thread *thread = &relay->threads[relay->table.streams[number].thread];
    RELAY_FOR_SOCKETS (component, side)
        if (relay->sockets[number][side][component] >= 0)
            relay_thread_unwatch(thread, relay->sockets[number][side][component]);
    thread->streams--;
    thread->leaving = true;
}

/* Threads that had streams which are gone are through with them when this returns. */
static void settle(struct relay *relay)
{
    for (uint32_t i = 0; i < relay->thread_count; i++) {
        if (relay->threads[i].leaving)
            relay_thread_settle(&relay->threads[i]);
        relay->threads[i].leaving = false;
    }
}

struct dropping {
    struct relay_thread *thread;
    struct relay_stream *streams;
    uint32_t number;
};

static void drop_early(void *argument)
{
    const struct dropping *dropping = argument;
    uint32_t at = 0, leg;
    while (relay_early_take(dropping->thread->early, dropping->streams, dropping->number, &at, &leg, 0) != NULL)
        continue;
}

/* What its thread still keeps for it must not get to whoever has its number next. */
static void forget_early(struct relay *relay, uint32_t number)
{
    struct relay_stream *stream = &relay->table.streams[number];
    struct dropping dropping = {&relay->threads[stream->thread], relay->table.streams, number};
    if (relay_get(stream->early) != 0)
        relay_thread_run(dropping.thread, drop_early, &dropping);
}

/* Once no thread uses the stream: its entry is free for another one. */
static void forget(struct relay *relay, uint32_t number)
{
    if ((relay->table.streams[number].side_flags[0] & RELAY_FLAG_SRTP) != 0 || relay->crypto[number] != NULL)
        relay_record_wipe(&relay->table, number);
    relay_drop_crypto(relay, number);
    forget_early(relay, number);
    relay_drop_ice(relay, number);
    if (relay->fast != NULL)
        relay_put(relay->fast->odd[number], 0);
    for (uint32_t leg = relay_leg_index(number, 0, 0); leg <= relay_leg_index(number, 1, 1); leg++)
        relay_put(relay->news.latched[leg], 0);
    relay->free_streams[relay->free_count++] = number;
}

void relay_reap_locked(struct relay *relay)
{
    settle(relay);
    while (relay->leaving_count > 0) {
        uint32_t number = relay->leaving[--relay->leaving_count];
        relay_close_sockets(relay, number);
        forget(relay, number);
    }
}

enum relay_error relay_reap(struct relay *relay)
{
    enum relay_error error = relay_lock(relay);
    if (error != RELAY_OK)
        return error;
    relay_reap_locked(relay);
    return relay_unlock(relay, RELAY_OK);
}

static enum relay_error end_stream(struct relay *relay, uint32_t number, bool give_back)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    if (relay->attached[number])
        detach(relay, number);
    relay_put(stream->state, RELAY_FREE);
    if (give_back) {
        settle(relay);
        forget_sockets(relay, number);
        forget(relay, number);
    } else {
        relay->leaving[relay->leaving_count++] = number;
    }
    return relay_unlock(relay, RELAY_OK);
}

enum relay_error relay_remove(struct relay *relay, uint32_t number) { return end_stream(relay, number, false); }

enum relay_error relay_undo_add(struct relay *relay, uint32_t number) { return end_stream(relay, number, true); }
