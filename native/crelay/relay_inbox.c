/* What comes of DTLS to the relay, and what is said to it. */
#include "relay_inbox.h"

#include <sys/socket.h>
#include <unistd.h>

#include "relay_latch.h"
#include "relay_state.h"

#define WINDOW_SHIFT 30 /* nanoseconds to about a second */

static bool too_many(struct relay_dtls *dtls, uint64_t now_ns)
{
    uint32_t window = (uint32_t)(now_ns >> WINDOW_SHIFT);
    if (dtls->window != window)
        dtls->count = 0;
    dtls->window = window;
    return dtls->count >= RELAY_DTLS_A_SECOND || ++dtls->count > RELAY_DTLS_A_SECOND;
}

void relay_inbox_put(struct relay_inbox *inbox, struct relay_dtls *dtls, uint32_t leg, const union relay_address *from,
                     const uint8_t *data, size_t size, uint64_t now_ns)
{
    struct relay_taped head = {.kept = (uint32_t)size, .size = (uint32_t)size, .recording = leg, .at_ns = now_ns, .from = *from};
    uint64_t one = 1;
    if (size > RELAY_TAPE_MOST || too_many(dtls, now_ns) || !relay_tape_put(inbox->tape, &head, data))
        relay_count(inbox->dropped, 1);
    else
        (void)!write(inbox->wake, &one, sizeof one); /* full: readable anyway */
}

int relay_inbox_fd(const struct relay *relay) { return relay->news.inbox_fd; }

uint64_t relay_inbox_dropped(const struct relay *relay)
{
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < relay->thread_count; i++)
        dropped += relay_get(relay->threads[i].inbox.dropped);
    return dropped;
}

void relay_inbox_seen(struct relay *relay)
{
    uint64_t count;
    if (!relay_forked(relay))
        (void)!read(relay->news.inbox_fd, &count, sizeof count);
}

static bool take(struct relay *relay, struct relay_tape *tape, struct relay_letter *letter)
{
    const struct relay_taped *copy;
    bool found = false;
    while (!found && (copy = relay_tape_next(tape)) != NULL) {
        found = relay->attached[copy->recording >> 2]; /* else its stream is gone */
        letter->leg = copy->recording;
        letter->from = copy->from;
        letter->size = copy->kept;
        memcpy(letter->data, copy + 1, copy->kept);
        relay_tape_done(tape, copy);
    }
    return found;
}

bool relay_inbox_next(struct relay *relay, struct relay_letter *letter)
{
    bool found = false;
    if (relay_lock(relay) != RELAY_OK)
        return false;
    for (uint32_t i = 0; i < relay->thread_count && !found; i++)
        found = take(relay, relay->threads[i].inbox.tape, letter);
    return relay_unlock(relay, RELAY_OK), found;
}

enum relay_error relay_send(struct relay *relay, uint32_t number, int side, const union relay_address *to, const uint8_t *data, size_t size,
                            bool *sent)
{
    struct relay_stream *stream;
    struct relay_leg leg;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    int fd = relay->sockets[number][side][RELAY_RTP_COMPONENT];
    relay_read_leg(stream, RELAY_RTP_COMPONENT, side, &leg);
    if (to == NULL && relay_address_known(&leg.remote))
        to = &leg.remote;
    *sent = fd >= 0 && to != NULL &&
            sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, relay_address_length(to)) == (ssize_t)size;
    return relay_unlock(relay, RELAY_OK);
}

/* What the stream's thread runs. */
struct change {
    struct relay_stream *stream;
    struct relay_crypto *crypto;
    struct relay_crypto **slot;
    const union relay_address *source;
    const struct relay_own *own;
    int side;
    bool on;
};

static void put_dtls(void *argument)
{
    struct change *change = argument;
    change->crypto->dtls[change->side] = (struct relay_dtls){.on = change->on};
    relay_put(change->stream->dtls, (uint8_t)((change->stream->dtls & ~(1u << change->side)) | (unsigned)change->on << change->side));
    *change->slot = change->crypto;
    relay_crypto_mark(change->stream);
}

static enum relay_error set_locked(struct relay *relay, uint32_t number, struct relay_stream *stream, int side, bool on)
{
    if (stream->kind != RELAY_RTP)
        return RELAY_ERROR_NOT_RTP;
    if (relay_has_dtls(stream, side) == on)
        return RELAY_OK;
    struct change change = {.stream = stream, .slot = &relay->crypto[number], .side = side, .on = on};
    enum relay_error error = relay_crypto_of(relay, number, &change.crypto);
    if (error == RELAY_OK)
        relay_thread_run(&relay->threads[stream->thread], put_dtls, &change);
    return error;
}

enum relay_error relay_set_dtls(struct relay *relay, uint32_t number, int side, bool on)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    return error != RELAY_OK ? error : relay_unlock(relay, set_locked(relay, number, stream, side, on));
}

static void latch(void *argument)
{
    const struct change *change = argument;
    relay_leg_current(change->stream, RELAY_RTP_COMPONENT, change->side);
    enum relay_standing standing = relay_judge(change->stream, RELAY_RTP_COMPONENT, change->side, change->source, relay_now_ns());
    bool ours = relay_own_has(change->own, change->source) &&
                !relay_is_given(change->stream, RELAY_RTP_COMPONENT, change->side, change->source);
    if (!ours && (standing == RELAY_NEWCOMER || standing == RELAY_MOVED))
        relay_latch(change->stream, RELAY_RTP_COMPONENT, change->side, change->source);
}

enum relay_error relay_latch_at(struct relay *relay, uint32_t number, int side, const union relay_address *source)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    struct change change = {.stream = stream, .side = side, .source = source, .own = &relay->own};
    relay_thread_run(&relay->threads[stream->thread], latch, &change);
    return relay_unlock(relay, RELAY_OK);
}
