/* Queues of timers: circular lists, each with its head as sentinel. */
#include "sip_timers.h"

#include <stdlib.h>

#define BUCKETS 64

struct queue {
    struct sip_timer head;
    double length;
    struct queue *chain; /* next in its bucket */
};

struct sip_timers {
    struct queue *buckets[BUCKETS];
    struct queue **queues;
    size_t count, room;
    struct sip_timer queueless; /* in order of deadline: started when there was no memory for a queue of their length */
    struct sip_timer due;
};

static void make_empty(struct sip_timer *head) { head->next = head->previous = head; }
static bool is_empty(const struct sip_timer *head) { return head->next == head; }

static void link_before(struct sip_timer *timer, struct sip_timer *place) {
    timer->next = place;
    timer->previous = place->previous;
    place->previous->next = timer;
    place->previous = timer;
}

void sip_timer_stop(struct sip_timer *timer) {
    if (!timer->next) return;
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->next = timer->previous = NULL;
}

struct sip_timers *sip_timers_new(void) {
    struct sip_timers *timers = calloc(1, sizeof *timers);
    if (!timers) return NULL;
    make_empty(&timers->queueless);
    make_empty(&timers->due);
    return timers;
}

void sip_timers_free(struct sip_timers *timers) {
    for (size_t i = 0; i < timers->count; i++) free(timers->queues[i]);
    free(timers->queues);
    free(timers);
}

static struct queue **bucket_of(struct sip_timers *timers, double length) {
    uint64_t bits;
    memcpy(&bits, &length, sizeof bits);
    return &timers->buckets[(bits * UINT64_C(0x9E3779B97F4A7C15)) >> 58];
}

static void forget(struct sip_timers *timers, struct queue *queue) {
    struct queue **at = bucket_of(timers, queue->length);
    while (*at != queue) at = &(*at)->chain;
    *at = queue->chain;
    free(queue);
}

static void forget_empty_queues(struct sip_timers *timers) {
    size_t kept = 0;
    for (size_t i = 0; i < timers->count; i++) {
        if (is_empty(&timers->queues[i]->head))
            forget(timers, timers->queues[i]);
        else
            timers->queues[kept++] = timers->queues[i];
    }
    timers->count = kept;
}

static struct queue *add_queue(struct sip_timers *timers, double length) {
    if (timers->count >= SIP_IDLE_QUEUES) forget_empty_queues(timers);
    if (timers->count == timers->room) {
        size_t room = timers->room ? 2 * timers->room : 16;
        struct queue **queues = realloc(timers->queues, room * sizeof *queues);
        if (!queues) return NULL;
        timers->queues = queues;
        timers->room = room;
    }
    struct queue *queue = malloc(sizeof *queue), **bucket = bucket_of(timers, length);
    if (!queue) return NULL;
    make_empty(&queue->head);
    queue->length = length;
    queue->chain = *bucket;
    *bucket = queue;
    return timers->queues[timers->count++] = queue;
}

/* The end of the queue for timers of that length; for one without a queue its place among its like. */
static struct sip_timer *place_for(struct sip_timers *timers, double deadline, double length) {
    struct queue *queue = *bucket_of(timers, length);
    while (queue && queue->length != length) queue = queue->chain;
    if (queue || (queue = add_queue(timers, length))) return &queue->head;
    struct sip_timer *place = &timers->queueless;
    while (place->previous != &timers->queueless && place->previous->deadline > deadline) place = place->previous;
    return place;
}

void sip_timers_start(struct sip_timers *timers, struct sip_timer *timer, double now, double length) {
    timer->deadline = now + length;
    link_before(timer, place_for(timers, timer->deadline, length));
}

/* Both are in order; of equal deadlines those already set aside come first. */
static void merge(struct sip_timer *due, struct sip_timer *head, double now) {
    struct sip_timer *place = due->next;
    while (!is_empty(head) && head->next->deadline <= now) {
        struct sip_timer *timer = head->next;
        while (place != due && place->deadline <= timer->deadline) place = place->next;
        sip_timer_stop(timer);
        link_before(timer, place);
    }
}

void sip_timers_collect(struct sip_timers *timers, double now) {
    merge(&timers->due, &timers->queueless, now);
    for (size_t i = 0; i < timers->count; i++) merge(&timers->due, &timers->queues[i]->head, now);
}

struct sip_timer *sip_timers_due(struct sip_timers *timers) {
    if (is_empty(&timers->due)) return NULL;
    struct sip_timer *timer = timers->due.next;
    sip_timer_stop(timer);
    return timer;
}

struct sip_timer *sip_timers_any(struct sip_timers *timers) {
    if (!is_empty(&timers->due)) return timers->due.next;
    if (!is_empty(&timers->queueless)) return timers->queueless.next;
    for (size_t i = 0; i < timers->count; i++)
        if (!is_empty(&timers->queues[i]->head)) return timers->queues[i]->head.next;
    return NULL;
}

static void look_at(const struct sip_timer *head, bool *found, double *deadline) {
    if (is_empty(head) || (*found && head->next->deadline >= *deadline)) return;
    *deadline = head->next->deadline;
    *found = true;
}

bool sip_timers_soonest(const struct sip_timers *timers, double *deadline) {
    bool found = false;
    look_at(&timers->due, &found, deadline);
    look_at(&timers->queueless, &found, deadline);
    for (size_t i = 0; i < timers->count; i++) look_at(&timers->queues[i]->head, &found, deadline);
    return found;
}

size_t sip_timers_lengths(const struct sip_timers *timers) { return timers->count; }
