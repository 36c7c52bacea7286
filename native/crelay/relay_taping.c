/* Recordings begun and ended, and the streams that belong to them. */
#include "relay_taping.h"

#include <errno.h>

#include "relay_state.h"

void relay_taping_put(const struct relay_taping *taping, int component, int side, const union relay_address *from,
                      const uint8_t *data, size_t size, uint64_t now_ns)
{
    struct relay_taped head = {.kept = size > RELAY_TAPE_MOST ? RELAY_TAPE_MOST : (uint32_t)size, .size = (uint32_t)size,
                               .recording = taping->recording, .at_ns = now_ns, .from = *from,
                               .to = taping->local[component][side]};
    if (!relay_tape_put(taping->tape, &head, data))
        relay_recorder_dropped(taping->recorder, taping->recording);
}

/* What the stream's thread runs. */
struct change {
    struct relay_stream *stream;
    struct relay_taping *slot;
    const struct relay_taping *taping; /* NULL: none any more */
};

static void put_taping(void *argument)
{
    struct change *change = argument;
    bool on = change->taping != NULL;
    if (on)
        *change->slot = *change->taping;
    RELAY_FOR_SOCKETS (component, side) {
        struct relay_leg *leg = relay_leg_of(change->stream, component, side);
        relay_put(leg->flags, (uint8_t)(on ? leg->flags | RELAY_FLAG_TAPED : leg->flags & ~RELAY_FLAG_TAPED));
    }
}

static void find_locals(const struct relay *relay, uint32_t number, const struct relay_host *shown, struct relay_taping *taping)
{
    RELAY_FOR_SOCKETS (component, side) {
        union relay_address *local = &taping->local[component][side];
        socklen_t size = sizeof *local;
        int fd = relay->sockets[number][side][component];
        if (fd >= 0 && getsockname(fd, &local->any, &size) < 0)
            local->any.sa_family = AF_UNSPEC;
        if (relay_address_wildcard(local))
            relay_address_put_host(local, &shown[side]);
    }
}

static enum relay_error tape_locked(struct relay *relay, uint32_t number, struct relay_stream *stream, int64_t recording,
                                    const struct relay_host *shown)
{
    struct relay_taping taping = {.recorder = relay->recorder};
    struct relay_recording_status status;
    struct change change = {.stream = stream, .slot = &relay->taping[number]};
    if (recording >= 0) {
        if (relay->recorder == NULL || !relay_recorder_status(relay->recorder, (uint32_t)recording, &status))
            return RELAY_ERROR_RECORDING;
        taping.tape = relay_recorder_tape(relay->recorder, stream->thread);
        taping.recording = (uint32_t)recording;
        find_locals(relay, number, shown, &taping);
        change.taping = &taping;
    }
    relay_thread_run(&relay->threads[stream->thread], put_taping, &change);
    return RELAY_OK;
}

enum relay_error relay_tape_stream(struct relay *relay, uint32_t number, int64_t recording,
                                   const struct relay_host shown[RELAY_SIDES])
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_change(relay, number, &stream);
    return error != RELAY_OK ? error : relay_unlock(relay, tape_locked(relay, number, stream, recording, shown));
}

static enum relay_error begin_locked(struct relay *relay, int fd, uint64_t max_bytes, uint32_t *recording)
{
    if (relay->recorder == NULL && (relay->recorder = relay_recorder_open(relay->thread_count)) == NULL)
        return errno == ENOMEM ? RELAY_ERROR_MEMORY : RELAY_ERROR_SYSTEM;
    return relay_recorder_begin(relay->recorder, fd, max_bytes, recording) ? RELAY_OK : RELAY_ERROR_FULL;
}

enum relay_error relay_begin_recording(struct relay *relay, int fd, uint64_t max_bytes, uint32_t *recording)
{
    enum relay_error error = relay_lock(relay);
    return error != RELAY_OK ? error : relay_unlock(relay, begin_locked(relay, fd, max_bytes, recording));
}

enum relay_error relay_end_recording(struct relay *relay, uint32_t recording)
{
    enum relay_error error = relay_lock(relay);
    if (error != RELAY_OK)
        return error;
    if (relay->leaving_count > 0)
        relay_reap_locked(relay); /* or their threads might still have a packet for it */
    if (relay->recorder != NULL)
        relay_recorder_end(relay->recorder, recording);
    return relay_unlock(relay, RELAY_OK);
}

enum relay_error relay_get_recording(struct relay *relay, uint32_t recording, struct relay_recording_status *status)
{
    enum relay_error error = relay_lock(relay);
    if (error != RELAY_OK)
        return error;
    bool known = relay->recorder != NULL && relay_recorder_status(relay->recorder, recording, status);
    return relay_unlock(relay, known ? RELAY_OK : RELAY_ERROR_RECORDING);
}
