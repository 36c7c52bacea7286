/* Which streams are on the fast path: control looks for those that may be, and takes off each that is about to change. */
#include <sys/ioctl.h>

#include "relay_fast_plan.h"
#include "relay_latch.h"

#define SLICE_NS 2000000 /* whoever calls has other things to do */
#define AT_ONCE 16       /* streams that a thread takes on or off between two packets: some 100 µs */
#define MOST_ODD 6       /* doublings of the scans between two attempts */
#define LOOKED_AT 16     /* scans after which a way is asked for again: path MTUs are learned without a word */

struct batch {
    struct relay *relay;
    uint32_t thread; /* whose turn it is */
    uint32_t count;
    struct relay_fast_task tasks[AT_ONCE];
};

enum relay_error relay_use_fast(struct relay *relay, int pairs, int legs)
{
    enum relay_error error = relay_fast_open(&relay->fast, pairs, legs, relay->table.header->capacity);
    for (uint32_t i = 0; i < relay->thread_count && error == RELAY_OK; i++)
        relay->threads[i].fast = relay->fast;
    return error;
}

enum relay_error relay_use_fast_at(struct relay *relay, uint32_t interface)
{
    return relay->fast != NULL && relay_fast_add_interface(relay->fast, interface) ? RELAY_OK : RELAY_ERROR_FAST;
}

/* Nothing waits at the socket that what comes after it could overtake. */
static bool is_empty(int fd)
{
    int size = 0;
    return ioctl(fd, FIONREAD, &size) == 0 && size == 0;
}

static void enter(const struct relay *relay, struct relay_fast_task *task)
{
    struct relay_stream *stream = &relay->table.streams[task->number];
    if (!relay_fast_fits(relay, task->number, &task->refusal))
        return;
    task->refusal = RELAY_FAST_BUSY;
    for (int side = 0; side < RELAY_SIDES; side++)
        if (!relay_address_same(&relay_leg_of(stream, RELAY_RTP_COMPONENT, side)->remote, &task->remote[side]) ||
            !is_empty(relay->sockets[task->number][side][RELAY_RTP_COMPONENT]))
            return;
    relay_fast_enter(relay->fast, task->number, stream, task->plan);
}

/* The thread's, for those of its streams that are in the batch. */
static void run_tasks(void *argument)
{
    struct batch *batch = argument;
    struct relay *relay = batch->relay;
    for (struct relay_fast_task *task = batch->tasks; task < batch->tasks + batch->count; task++) {
        struct relay_stream *stream = &relay->table.streams[task->number];
        if (stream->thread != batch->thread)
            continue;
        if (task->enters)
            enter(relay, task);
        else if (relay_fast_has(relay->fast, task->number))
            relay_fast_leave(relay->fast, task->number, stream);
    }
}

static void run(struct batch *batch)
{
    struct relay *relay = batch->relay;
    for (uint32_t thread = 0; thread < relay->thread_count; thread++) {
        bool concerned = false;
        for (uint32_t i = 0; i < batch->count; i++)
            concerned |= relay->table.streams[batch->tasks[i].number].thread == thread;
        batch->thread = thread;
        if (concerned)
            relay_thread_run(&relay->threads[thread], run_tasks, batch);
    }
    for (uint32_t i = 0; i < batch->count; i++)
        relay->fast->refusal[batch->tasks[i].number] = (uint8_t)batch->tasks[i].refusal;
    batch->count = 0;
}

void relay_leave_fast(struct relay *relay, uint32_t number)
{
    struct batch batch;
    if (!relay_fast_has(relay->fast, number))
        return;
    batch.relay = relay;
    batch.count = 1;
    batch.tasks[0].number = number;
    batch.tasks[0].enters = false;
    batch.tasks[0].refusal = RELAY_FAST_UNSETTLED;
    run(&batch);
}

enum relay_error relay_lock_change(struct relay *relay, uint32_t number, struct relay_stream **stream)
{
    enum relay_error error = relay_lock_stream(relay, number, stream);
    if (error == RELAY_OK)
        relay_leave_fast(relay, number);
    return error;
}

static bool is_due(const struct relay_fast *fast, uint32_t number)
{
    uint32_t odd = relay_get(fast->odd[number]);
    return (fast->scans & ((1u << (odd < MOST_ODD ? odd : MOST_ODD)) - 1)) == 0;
}

/* Whether the stream is to be taken on or off, for which ``task`` is made ready. */
static bool decide(const struct relay *relay, uint32_t number, bool stale, struct relay_fast_task *task)
{
    struct relay_fast *fast = relay->fast;
    enum relay_fast_refusal refusal;
    memset(task, 0, sizeof *task);
    task->number = number;
    if (relay_fast_has(fast, number)) {
        task->refusal = RELAY_FAST_ROUTE;
        return (stale || (number ^ fast->scans) % LOOKED_AT == 0) && !relay_fast_holds(relay, number);
    }
    if (!relay_fast_fits(relay, number, &refusal)) {
        fast->refusal[number] = (uint8_t)refusal;
        return false;
    }
    if (!is_due(fast, number)) {
        fast->refusal[number] = RELAY_FAST_PACKET;
        return false;
    }
    task->enters = relay_fast_plan(relay, task);
    fast->refusal[number] = (uint8_t)task->refusal;
    return task->enters;
}

static bool is_active(const struct relay *relay, uint32_t number)
{
    return relay->attached[number] && relay_get(relay->table.streams[number].state) == RELAY_ACTIVE;
}

static void scan(struct relay *relay)
{
    struct relay_fast *fast = relay->fast;
    struct batch batch;
    const uint64_t end_ns = relay_now_ns() + SLICE_NS;
    batch.relay = relay;
    batch.count = 0;
    while (fast->left > 0) {
        const uint32_t number = fast->next;
        fast->next = (number + 1) % relay->table.header->capacity;
        fast->left--;
        batch.count += is_active(relay, number) && decide(relay, number, fast->stale > 0, &batch.tasks[batch.count]);
        fast->stale -= fast->stale > 0;
        if (batch.count == AT_ONCE)
            run(&batch);
        if (is_active(relay, number) && relay_now_ns() >= end_ns)
            break;
    }
    run(&batch);
}

bool relay_scan_fast(struct relay *relay, bool begin)
{
    const uint32_t all = relay->table.header->capacity;
    if (relay->fast == NULL || relay_lock(relay) != RELAY_OK)
        return false;
    struct relay_fast *fast = relay->fast;
    if (begin) {
        fast->scans++;
        fast->left = all;
    }
    if (relay_fast_routes_changed(fast))
        fast->left = fast->stale = all;
    scan(relay);
    const bool more = fast->left > 0;
    return relay_unlock(relay, RELAY_OK), more;
}

void relay_get_fast(struct relay *relay, struct relay_fast_status *status)
{
    *status = (struct relay_fast_status){0};
    if (relay->fast == NULL || relay_lock(relay) != RELAY_OK)
        return;
    for (uint32_t number = 0; number < relay->table.header->capacity; number++) {
        if (!is_active(relay, number))
            continue;
        if (relay_fast_has(relay->fast, number))
            status->on++;
        else
            status->refused[relay->fast->refusal[number]]++;
    }
    relay_unlock(relay, RELAY_OK);
}

void relay_read_flow(const struct relay *relay, uint32_t number, int component, int side, struct relay_flow *flow, uint32_t *gaps)
{
    struct relay_stream *stream = &relay->table.streams[number];
    const bool fast = component == RELAY_RTP_COMPONENT && relay_fast_has(relay->fast, number);
    const struct relay_fast_leg *leg = fast ? relay_fast_leg_of(relay->fast, number, side) : NULL;
    relay_flow_get(flow, fast ? &leg->flow : &stream->component[component][side].flow);
    *gaps = relay_get(stream->rare[component][side].gaps) + (fast ? relay_get(leg->gaps) : 0);
}
