/* Streams begun and taken over: sockets handed to a relay thread. */
#include "relay_latch.h"
#include "relay_loop.h"
#include "relay_socket.h"
#include "relay_state.h"

static uint32_t least_loaded(const struct relay *relay)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < relay->thread_count; i++)
        if (relay->threads[i].streams < relay->threads[best].streams)
            best = i;
    return best;
}

static enum relay_error check_sockets(enum relay_kind kind, relay_sockets sockets)
{
    if (sockets[0][RELAY_RTP_COMPONENT] < 0 || sockets[1][RELAY_RTP_COMPONENT] < 0)
        return RELAY_ERROR_NO_SOCKET;
    RELAY_FOR_SOCKETS (component, side) {
        int fd = sockets[side][component];
        if (fd >= 0 && ((component == RELAY_RTCP_COMPONENT && kind == RELAY_OPAQUE) || !relay_socket_is_udp(fd)))
            return RELAY_ERROR_SOCKET;
    }
    return RELAY_OK;
}

void relay_set_origin(struct relay *relay, uint32_t number, int component, int side, int fd)
{
    const struct relay_thread *thread = &relay->threads[relay->table.streams[number].thread];
    relay_origin origin = relay_raw_origin(thread->raw, &relay->sources, fd);
    __atomic_store_n(&relay->origins[relay_leg_index(number, component, side)], origin, __ATOMIC_RELEASE);
}

/* Hands the sockets to the thread the stream names; the stream's entry must be complete. */
static enum relay_error attach(struct relay *relay, uint32_t number, relay_sockets sockets)
{
    struct relay_stream *stream = &relay->table.streams[number];
    struct relay_thread *thread = &relay->threads[stream->thread];
    enum relay_error error = RELAY_OK;
    RELAY_FOR_SOCKETS (component, side) {
        int fd = sockets[side][component];
        relay_leg_of(stream, component, side)->fd = fd;
        relay_set_origin(relay, number, component, side, fd);
    }
    RELAY_FOR_SOCKETS (component, side)
        if (sockets[side][component] >= 0 && error == RELAY_OK)
            error = relay_thread_watch(thread, number, component, side, sockets[side][component]);
    if (error != RELAY_OK) {
        RELAY_FOR_SOCKETS (component, side)
            relay_thread_unwatch(thread, sockets[side][component]);
        relay_thread_settle(thread);
        return error;
    }
    memcpy(relay->sockets[number], sockets, sizeof relay->sockets[number]);
    relay->attached[number] = true;
    thread->streams++;
    return RELAY_OK;
}

static uint8_t kind_flag(enum relay_kind kind) { return kind == RELAY_OPAQUE ? RELAY_FLAG_OPAQUE : 0; }

static enum relay_error add_locked(struct relay *relay, enum relay_kind kind, relay_sockets sockets, int thread, bool awaited, uint32_t *out)
{
    enum relay_error error = check_sockets(kind, sockets);
    if (error != RELAY_OK)
        return error;
    if (relay->free_count == 0)
        relay_reap_locked(relay);
    if (relay->free_count == 0)
        return RELAY_ERROR_FULL;
    uint32_t number = relay->free_streams[relay->free_count - 1];
    struct relay_stream *stream = &relay->table.streams[number];
    memset(stream, 0, sizeof *stream);
    stream->kind = kind;
    stream->awaited = awaited;
    stream->thread = (uint16_t)(thread < 0 ? least_loaded(relay) : (uint32_t)thread);
    RELAY_FOR_SOCKETS (component, side)
        relay_leg_of(stream, component, side)->flags = kind_flag(kind);
    relay_stream_seal(stream);
    if ((error = attach(relay, number, sockets)) != RELAY_OK)
        return error;
    __atomic_store_n(&stream->state, RELAY_ACTIVE, __ATOMIC_RELEASE);
    relay->free_count--;
    *out = number;
    return RELAY_OK;
}

enum relay_error relay_add(struct relay *relay, enum relay_kind kind, relay_sockets sockets, int thread, bool awaited, uint32_t *stream)
{
    enum relay_error error = relay_lock(relay);
    return error != RELAY_OK ? error : relay_unlock(relay, add_locked(relay, kind, sockets, thread, awaited, stream));
}

struct releasing {
    struct relay_thread *thread;
    uint32_t number;
};

static void judge(void *argument)
{
    const struct releasing *releasing = argument;
    relay_loop_judge_early(releasing->thread, releasing->number);
}

enum relay_error relay_release(struct relay *relay, uint32_t number)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    struct releasing releasing = {&relay->threads[stream->thread], number};
    relay_put(stream->awaited, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (relay_get(stream->early) != 0)
        relay_thread_run(releasing.thread, judge, &releasing);
    return relay_unlock(relay, RELAY_OK);
}

/* A latch cut off while it was written is forgotten: the side is learned again. */
static void repair_latches(struct relay_stream *stream)
{
    RELAY_FOR_SOCKETS (component, side) {
        struct relay_leg *leg = relay_leg_of(stream, component, side);
        bool whole = (leg->latch_sequence & 1) == 0 && (leg->setting_sequence & 1) == 0 &&
                     (leg->taken == 0 || relay_leg_checksum(leg) == stream->rare[component][side].latch_checksum);
        relay_write_end(&leg->latch_sequence);
        if ((leg->setting_sequence & 1) != 0)
            relay_write_end(&leg->setting_sequence);
        if (!whole)
            relay_leg_refresh(stream, component, side);
    }
}

static enum relay_error adopt_locked(struct relay *relay, uint32_t number, struct relay_stream *stream, relay_sockets sockets)
{
    if (relay->attached[number])
        return RELAY_ERROR_ATTACHED;
    if (!relay_stream_intact(stream))
        return RELAY_ERROR_CHECKSUM;
    enum relay_error error = check_sockets(stream->kind, sockets);
    if (error != RELAY_OK)
        return error;
    if (stream->thread >= relay->thread_count) {
        stream->thread = (uint16_t)least_loaded(relay);
        relay_stream_seal(stream);
    }
    if ((error = relay_adopt_crypto(relay, number)) != RELAY_OK)
        return error;
    relay_put(stream->early, 0); /* it was kept by a thread of another relay */
    repair_latches(stream);
    if ((error = relay_adopt_ice(relay, number)) != RELAY_OK) {
        relay_drop_crypto(relay, number);
        return error;
    }
    RELAY_FOR_SOCKETS (component, side) {
        relay_leg_of(stream, component, side)->flags = stream->side_flags[side] | kind_flag(stream->kind);
        if ((stream->dscp[side] & RELAY_DSCP_SET) != 0 && sockets[side][component] >= 0)
            relay_socket_dscp(sockets[side][component], stream->dscp[side] & ~RELAY_DSCP_SET);
    }
    if ((error = attach(relay, number, sockets)) != RELAY_OK)
        relay_drop_crypto(relay, number);
    return error;
}

enum relay_error relay_adopt(struct relay *relay, uint32_t number, relay_sockets sockets)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    return error != RELAY_OK ? error : relay_unlock(relay, adopt_locked(relay, number, stream, sockets));
}
