#include "relay_control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "relay_packet.h"
#include "relay_rtp.h"
#include "relay_socket.h"

#define READ_TRIES 1000 /* of a record the thread is writing; a killed process may have left it open for good */

/* Everything here but ``news.latched`` is control's: under ``mutex`` or fixed after relay_open. */
struct relay {
    pthread_mutex_t mutex;
    struct relay_table table;
    struct relay_news news;
    struct relay_thread *threads;
    uint32_t thread_count;
    bool fifo;
    bool stopped;
    uint64_t owner;
    relay_sockets *sockets; /* by stream: what we hold open; the table's copy may be another process's by now */
    bool *attached;         /* by stream */
    uint32_t *free_streams; /* a stack, lowest number on top at first */
    uint32_t free_count;
};

static struct relay_leg *leg_of(struct relay_stream *stream, int component, int side)
{
    return &stream->component[component][side].leg;
}

static bool each_socket(int *component, int *side)
{
    if (++*side == RELAY_SIDES) {
        *side = 0;
        ++*component;
    }
    return *component < RELAY_COMPONENTS;
}

#define FOR_SOCKETS(component, side) for (int component = 0, side = -1; each_socket(&component, &side);)

static enum relay_error allocate(struct relay *relay, uint32_t threads)
{
    uint32_t capacity = relay->table.header->capacity;
    relay->threads = calloc(threads, sizeof *relay->threads);
    relay->sockets = malloc(capacity * sizeof *relay->sockets);
    relay->attached = calloc(capacity, sizeof *relay->attached);
    relay->free_streams = malloc(capacity * sizeof *relay->free_streams);
    relay->news.latched = calloc(capacity, RELAY_COMPONENTS * RELAY_SIDES);
    if (!relay->threads || !relay->sockets || !relay->attached || !relay->free_streams || !relay->news.latched)
        return RELAY_ERROR_MEMORY;
    memset(relay->sockets, -1, capacity * sizeof *relay->sockets);
    for (uint32_t stream = capacity; stream-- > 0;)
        if (relay->table.streams[stream].state == RELAY_FREE)
            relay->free_streams[relay->free_count++] = stream;
    return RELAY_OK;
}

static enum relay_error open_threads(struct relay *relay, uint32_t threads)
{
    relay->news.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (relay->news.fd < 0)
        return RELAY_ERROR_SYSTEM;
    for (; relay->thread_count < threads; relay->thread_count++) {
        struct relay_thread *thread = &relay->threads[relay->thread_count];
        enum relay_error error = relay_thread_open(thread, &relay->table, &relay->news, relay->owner);
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
    relay->table.fd = relay->news.fd = -1;
    pthread_mutex_init(&relay->mutex, NULL);
    enum relay_error error =
        table_fd < 0 ? relay_table_create(&relay->table, capacity) : relay_table_attach(&relay->table, table_fd);
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

static enum relay_error check_usable(struct relay *relay)
{
    if (relay->stopped)
        return RELAY_ERROR_STOPPED;
    return relay_get(relay->table.header->owner) == relay->owner ? RELAY_OK : RELAY_ERROR_OWNER;
}

enum relay_error relay_start(struct relay *relay)
{
    pthread_mutex_lock(&relay->mutex);
    enum relay_error error = check_usable(relay);
    for (uint32_t i = 0; i < relay->thread_count && error == RELAY_OK; i++)
        error = relay_thread_start(&relay->threads[i], relay->fifo);
    pthread_mutex_unlock(&relay->mutex);
    return error;
}

static void close_sockets(struct relay *relay, uint32_t stream)
{
    FOR_SOCKETS (component, side) {
        int *fd = &relay->sockets[stream][side][component];
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
    relay->attached[stream] = false;
}

void relay_stop(struct relay *relay)
{
    pthread_mutex_lock(&relay->mutex);
    for (uint32_t i = 0; i < relay->thread_count; i++)
        relay_thread_stop(&relay->threads[i]);
    for (uint32_t stream = 0; !relay->stopped && stream < relay->table.header->capacity; stream++)
        close_sockets(relay, stream);
    relay->stopped = true;
    pthread_mutex_unlock(&relay->mutex);
}

void relay_close(struct relay *relay)
{
    if (relay->sockets != NULL && relay->attached != NULL && relay->news.fd >= 0)
        relay_stop(relay);
    for (uint32_t i = 0; i < relay->thread_count; i++)
        relay_thread_close(&relay->threads[i]);
    if (relay->news.fd >= 0)
        close(relay->news.fd);
    relay_table_close(&relay->table);
    pthread_mutex_destroy(&relay->mutex);
    free(relay->threads);
    free(relay->sockets);
    free(relay->attached);
    free(relay->free_streams);
    free(relay->news.latched);
    free(relay);
}

uint32_t relay_threads(const struct relay *relay) { return relay->thread_count; }
uint32_t relay_capacity(const struct relay *relay) { return relay->table.header->capacity; }
int relay_table_fd(const struct relay *relay) { return relay->table.fd; }
int relay_event_fd(const struct relay *relay) { return relay->news.fd; }
uint64_t relay_turns(const struct relay *relay, uint32_t thread) { return relay_get(relay->threads[thread].turns); }

uint32_t relay_fifo_threads(const struct relay *relay)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < relay->thread_count; i++)
        count += relay->threads[i].fifo;
    return count;
}

static uint32_t least_loaded(const struct relay *relay)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < relay->thread_count; i++)
        if (relay->threads[i].streams < relay->threads[best].streams)
            best = i;
    return best;
}

static enum relay_error prepare_sockets(enum relay_kind kind, relay_sockets sockets)
{
    if (sockets[0][RELAY_RTP_COMPONENT] < 0 || sockets[1][RELAY_RTP_COMPONENT] < 0)
        return RELAY_ERROR_NO_SOCKET;
    FOR_SOCKETS (component, side) {
        int fd = sockets[side][component];
        if (fd >= 0 && ((component == RELAY_RTCP_COMPONENT && kind == RELAY_OPAQUE) || !relay_socket_prepare(fd)))
            return RELAY_ERROR_SOCKET;
    }
    return RELAY_OK;
}

/* Hands the sockets to the thread the stream names; the stream's entry must be complete. */
static enum relay_error attach(struct relay *relay, uint32_t number, relay_sockets sockets)
{
    struct relay_stream *stream = &relay->table.streams[number];
    struct relay_thread *thread = &relay->threads[stream->thread];
    enum relay_error error = RELAY_OK;
    FOR_SOCKETS (component, side)
        leg_of(stream, component, side)->fd = sockets[side][component];
    FOR_SOCKETS (component, side)
        if (sockets[side][component] >= 0 && error == RELAY_OK)
            error = relay_thread_watch(thread, number, component, side, sockets[side][component]);
    if (error != RELAY_OK) {
        FOR_SOCKETS (component, side)
            relay_thread_unwatch(thread, sockets[side][component]);
        relay_thread_settle(thread);
        return error;
    }
    memcpy(relay->sockets[number], sockets, sizeof relay->sockets[number]);
    relay->attached[number] = true;
    thread->streams++;
    return RELAY_OK;
}

static enum relay_error add_locked(struct relay *relay, enum relay_kind kind, relay_sockets sockets, int thread, uint32_t *out)
{
    enum relay_error error = check_usable(relay);
    if (error != RELAY_OK || (error = prepare_sockets(kind, sockets)) != RELAY_OK)
        return error;
    if (relay->free_count == 0)
        return RELAY_ERROR_FULL;
    uint32_t number = relay->free_streams[relay->free_count - 1];
    struct relay_stream *stream = &relay->table.streams[number];
    memset(stream, 0, sizeof *stream);
    stream->kind = kind;
    stream->thread = thread < 0 ? least_loaded(relay) : (uint32_t)thread;
    FOR_SOCKETS (component, side)
        leg_of(stream, component, side)->flags = kind == RELAY_OPAQUE ? RELAY_FLAG_OPAQUE : 0;
    relay_stream_seal(stream);
    if ((error = attach(relay, number, sockets)) != RELAY_OK)
        return error;
    __atomic_store_n(&stream->state, RELAY_ACTIVE, __ATOMIC_RELEASE);
    relay->free_count--;
    *out = number;
    return RELAY_OK;
}

enum relay_error relay_add(struct relay *relay, enum relay_kind kind, relay_sockets sockets, int thread, uint32_t *stream)
{
    pthread_mutex_lock(&relay->mutex);
    enum relay_error error = add_locked(relay, kind, sockets, thread, stream);
    pthread_mutex_unlock(&relay->mutex);
    return error;
}

static enum relay_error find(struct relay *relay, uint32_t number, struct relay_stream **stream)
{
    if (number >= relay->table.header->capacity || relay->table.streams[number].state != RELAY_ACTIVE)
        return RELAY_ERROR_STREAM;
    *stream = &relay->table.streams[number];
    return RELAY_OK;
}

/* A latch cut off while it was written is forgotten: the side is learned again. */
static void repair_latches(struct relay_stream *stream)
{
    FOR_SOCKETS (component, side) {
        struct relay_leg *leg = leg_of(stream, component, side);
        bool whole = (leg->latch_sequence & 1) == 0 && (leg->setting_sequence & 1) == 0 &&
                     (leg->taken == 0 || relay_leg_checksum(leg) == stream->rare[component][side].latch_checksum);
        relay_write_end(&leg->latch_sequence);
        if ((leg->setting_sequence & 1) != 0)
            relay_write_end(&leg->setting_sequence);
        if (!whole)
            relay_leg_refresh(stream, component, side);
    }
}

static enum relay_error adopt_locked(struct relay *relay, uint32_t number, relay_sockets sockets)
{
    struct relay_stream *stream;
    enum relay_error error = check_usable(relay);
    if (error != RELAY_OK || (error = find(relay, number, &stream)) != RELAY_OK)
        return error;
    if (relay->attached[number])
        return RELAY_ERROR_ATTACHED;
    if (!relay_stream_intact(stream))
        return RELAY_ERROR_CHECKSUM;
    if ((error = prepare_sockets(stream->kind, sockets)) != RELAY_OK)
        return error;
    repair_latches(stream);
    FOR_SOCKETS (component, side)
        leg_of(stream, component, side)->flags = stream->side_flags[side] | (stream->kind == RELAY_OPAQUE ? RELAY_FLAG_OPAQUE : 0);
    if (stream->thread >= relay->thread_count) {
        stream->thread = least_loaded(relay);
        relay_stream_seal(stream);
    }
    return attach(relay, number, sockets);
}

enum relay_error relay_adopt(struct relay *relay, uint32_t stream, relay_sockets sockets)
{
    pthread_mutex_lock(&relay->mutex);
    enum relay_error error = adopt_locked(relay, stream, sockets);
    pthread_mutex_unlock(&relay->mutex);
    return error;
}

static void detach(struct relay *relay, uint32_t number)
{
    struct relay_thread *thread = &relay->threads[relay->table.streams[number].thread];
    FOR_SOCKETS (component, side)
        if (relay->sockets[number][side][component] >= 0)
            relay_thread_unwatch(thread, relay->sockets[number][side][component]);
    relay_thread_settle(thread);
    close_sockets(relay, number);
    thread->streams--;
    for (uint32_t leg = relay_leg_index(number, 0, 0); leg <= relay_leg_index(number, 1, 1); leg++)
        relay_put(relay->news.latched[leg], 0);
}

enum relay_error relay_remove(struct relay *relay, uint32_t number)
{
    struct relay_stream *stream;
    pthread_mutex_lock(&relay->mutex);
    enum relay_error error = check_usable(relay);
    if (error == RELAY_OK && (error = find(relay, number, &stream)) == RELAY_OK) {
        if (relay->attached[number])
            detach(relay, number);
        relay_put(stream->state, RELAY_FREE);
        relay->free_streams[relay->free_count++] = number;
    }
    pthread_mutex_unlock(&relay->mutex);
    return error;
}

/* Locks the relay for a change of one stream; not on error. */
static enum relay_error begin(struct relay *relay, uint32_t number, struct relay_stream **stream)
{
    pthread_mutex_lock(&relay->mutex);
    enum relay_error error = check_usable(relay);
    if (error == RELAY_OK)
        error = find(relay, number, stream);
    if (error != RELAY_OK)
        pthread_mutex_unlock(&relay->mutex);
    return error;
}

static enum relay_error end(struct relay *relay, struct relay_stream *stream)
{
    if (stream != NULL)
        relay_stream_seal(stream);
    pthread_mutex_unlock(&relay->mutex);
    return RELAY_OK;
}

enum relay_error relay_thread_of(struct relay *relay, uint32_t number, uint32_t *thread)
{
    struct relay_stream *stream;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    *thread = stream->thread;
    return end(relay, NULL);
}

static void make_setting(const struct relay_remote *remote, struct relay_setting *setting)
{
    memset(setting, 0, sizeof *setting);
    setting->remote = remote->address;
    setting->mode = (uint8_t)remote->mode;
    setting->learn_family = (uint8_t)remote->learn.family;
    memcpy(setting->learn, remote->learn.bytes, sizeof setting->learn);
}

static bool family_fits(const struct relay *relay, uint32_t number, int side, int component, const struct relay_remote *remote)
{
    int fd = relay->sockets[number][side][component];
    if (fd < 0)
        fd = relay->sockets[number][side][RELAY_RTP_COMPONENT];
    return fd < 0 || !relay_address_known(&remote->address) || relay_socket_family(fd) == remote->address.any.sa_family;
}

enum relay_error relay_set_remote(struct relay *relay, uint32_t number, int side, int component, const struct relay_remote *remote)
{
    struct relay_stream *stream;
    struct relay_setting setting;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    if (!family_fits(relay, number, side, component, remote)) {
        end(relay, NULL);
        return RELAY_ERROR_FAMILY;
    }
    make_setting(remote, &setting);
    struct relay_setting *before = &stream->setting[component][side];
    struct relay_leg *leg = leg_of(stream, component, side);
    if (memcmp(before, &setting, sizeof setting) == 0)
        return end(relay, NULL);
    relay_write_begin(&leg->setting_sequence);
    relay_words_put(before, &setting, sizeof setting);
    relay_write_end(&leg->setting_sequence);
    return end(relay, stream);
}

static enum relay_error set_flag(struct relay *relay, uint32_t number, int side, uint8_t flag, bool on)
{
    struct relay_stream *stream;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    stream->side_flags[side] = on ? stream->side_flags[side] | flag : stream->side_flags[side] & ~flag;
    for (int component = 0; component < RELAY_COMPONENTS; component++) {
        struct relay_leg *leg = leg_of(stream, component, side);
        relay_put(leg->flags, (uint8_t)(on ? leg->flags | flag : leg->flags & ~flag));
    }
    return end(relay, stream);
}

enum relay_error relay_set_mux(struct relay *relay, uint32_t stream, int side, bool mux)
{
    return set_flag(relay, stream, side, RELAY_FLAG_MUX, mux);
}

enum relay_error relay_set_blocked(struct relay *relay, uint32_t stream, int side, bool blocked)
{
    return set_flag(relay, stream, side, RELAY_FLAG_BLOCKED, blocked);
}

enum relay_error relay_set_dscp(struct relay *relay, uint32_t number, int side, uint8_t dscp)
{
    struct relay_stream *stream;
    bool set = true;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    for (int component = 0; component < RELAY_COMPONENTS; component++)
        if (relay->sockets[number][side][component] >= 0)
            set &= relay_socket_dscp(relay->sockets[number][side][component], dscp);
    stream->dscp[side] = dscp;
    end(relay, stream);
    return set ? RELAY_OK : RELAY_ERROR_SYSTEM;
}

enum relay_error relay_set_clock(struct relay *relay, uint32_t number, int side, uint8_t payload_type, uint32_t clock_hz)
{
    struct relay_stream *stream;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    uint16_t *clock = &stream->clock[side][payload_type - (128 - RELAY_DYNAMIC_TYPES)];
    relay_put(*clock, (uint16_t)(clock_hz / RELAY_CLOCK_UNIT_HZ));
    return end(relay, stream);
}

/* The leg as the thread has it or, when a change has not met a packet yet, as it will be. */
static void read_leg(const struct relay_stream *stream, int component, int side, struct relay_leg *leg)
{
    const struct relay_leg *shared = &stream->component[component][side].leg;
    bool whole = false;
    memset(leg, 0, sizeof *leg);
    for (int tries = 0; !whole && tries < READ_TRIES; tries++) {
        uint32_t seen;
        whole = relay_read_begin(&shared->latch_sequence, &seen);
        leg->taken = relay_get(shared->taken);
        leg->latched = relay_get(shared->latched);
        relay_words_get(&leg->remote, &shared->remote, sizeof leg->remote);
        whole = relay_read_end(&shared->latch_sequence, seen) && whole;
    }
    if (leg->taken != shared->setting_sequence) {
        leg->latched = RELAY_NOT_LATCHED;
        leg->remote = stream->setting[component][side].remote;
    }
}

static void read_remote(const struct relay_stream *stream, int component, int side, struct relay_stats *stats)
{
    struct relay_leg rtp, rtcp;
    union relay_address scratch;
    read_leg(stream, RELAY_RTP_COMPONENT, side, &rtp);
    read_leg(stream, RELAY_RTCP_COMPONENT, side, &rtcp);
    if (component == RELAY_RTP_COMPONENT || (stream->side_flags[side] & RELAY_FLAG_MUX) != 0) {
        stats->remote = rtp.remote;
        stats->latched = rtp.latched != RELAY_NOT_LATCHED;
        return;
    }
    const union relay_address *remote = relay_rtcp_remote(&rtp, &rtcp, &scratch);
    if (remote != NULL)
        stats->remote = *remote;
    stats->latched = rtcp.latched != RELAY_NOT_LATCHED;
}

enum relay_error relay_get_stats(struct relay *relay, uint32_t number, int side, int component, struct relay_stats *stats)
{
    struct relay_stream *stream;
    struct relay_flow flow;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    const struct relay_rare *rare = &stream->rare[component][side];
    relay_flow_get(&flow, &stream->component[component][side].flow);
    *stats = (struct relay_stats){
        .packets = flow.packets, .bytes = flow.bytes, .forwarded = flow.forwarded,
        .send_errors = relay_get(rare->send_errors), .strangers = relay_get(rare->strangers),
        .malformed = relay_get(rare->malformed), .no_remote = relay_get(rare->no_remote),
        .lost = relay_flow_lost(&flow), .jitter = relay_flow_jitter(&flow), .ssrc = flow.ssrc,
        .payload_type = flow.payload_type, .first_ns = relay_get(rare->first_ns), .last_ns = flow.last_ns,
    };
    read_remote(stream, component, side, stats);
    return end(relay, NULL);
}

enum relay_error relay_last_packet(struct relay *relay, uint32_t number, uint64_t *last_ns)
{
    struct relay_stream *stream;
    enum relay_error error = begin(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    *last_ns = 0;
    FOR_SOCKETS (component, side) {
        uint64_t last = relay_get(stream->component[component][side].flow.last_ns);
        if (last > *last_ns)
            *last_ns = last;
    }
    return end(relay, NULL);
}

void relay_events_seen(struct relay *relay)
{
    uint64_t count;
    (void)!read(relay->news.fd, &count, sizeof count);
}

bool relay_next_latched(struct relay *relay, uint32_t *leg)
{
    uint32_t legs = relay->table.header->capacity * RELAY_COMPONENTS * RELAY_SIDES;
    for (; *leg < legs; ++*leg)
        if (relay_get(relay->news.latched[*leg]) != 0 && __atomic_exchange_n(&relay->news.latched[*leg], 0, __ATOMIC_ACQUIRE))
            return true;
    return false;
}
