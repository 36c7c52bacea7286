#include "relay_tape.h"

#include <stdlib.h>

#define END UINT32_MAX
#define MASK (RELAY_TAPE_BYTES - 1)

static size_t room_of(uint32_t kept) { return (sizeof(struct relay_taped) + kept + 7u) & ~(size_t)7u; }

struct relay_tape *relay_tape_open(void)
{
    struct relay_tape *tape = aligned_alloc(_Alignof(struct relay_tape), sizeof *tape);
    if (tape == NULL)
        return NULL;
    *tape = (struct relay_tape){.data = malloc(RELAY_TAPE_BYTES)};
    if (tape->data == NULL) {
        free(tape);
        return NULL;
    }
    return tape;
}

void relay_tape_close(struct relay_tape *tape)
{
    if (tape != NULL)
        free(tape->data);
    free(tape);
}

/* A copy lies in one piece: one that does not fit before the end begins anew at the start. */
bool relay_tape_put(struct relay_tape *tape, const struct relay_taped *head, const uint8_t *data)
{
    uint64_t at = __atomic_load_n(&tape->head, __ATOMIC_RELAXED), tail = __atomic_load_n(&tape->tail, __ATOMIC_ACQUIRE);
    size_t room = room_of(head->kept), before_end = RELAY_TAPE_BYTES - (at & MASK);
    size_t skipped = before_end < room ? before_end : 0;
    if (at + skipped + room - tail > RELAY_TAPE_BYTES)
        return false;
    if (skipped != 0) {
        *(uint32_t *)(tape->data + (at & MASK)) = END;
        at += skipped;
    }
    memcpy(tape->data + (at & MASK), head, sizeof *head);
    memcpy(tape->data + (at & MASK) + sizeof *head, data, head->kept);
    __atomic_store_n(&tape->head, at + room, __ATOMIC_RELEASE);
    return true;
}

const struct relay_taped *relay_tape_next(struct relay_tape *tape)
{
    uint64_t tail = __atomic_load_n(&tape->tail, __ATOMIC_RELAXED);
    if (tail == __atomic_load_n(&tape->head, __ATOMIC_ACQUIRE))
        return NULL;
    const struct relay_taped *copy = (const struct relay_taped *)(tape->data + (tail & MASK));
    if (copy->kept != END)
        return copy;
    __atomic_store_n(&tape->tail, tail + RELAY_TAPE_BYTES - (tail & MASK), __ATOMIC_RELEASE);
    return (const struct relay_taped *)tape->data; /* the head moved over the gap and the copy behind it at once */
}

void relay_tape_done(struct relay_tape *tape, const struct relay_taped *copy)
{
    uint64_t tail = __atomic_load_n(&tape->tail, __ATOMIC_RELAXED);
    __atomic_store_n(&tape->tail, tail + room_of(copy->kept), __ATOMIC_RELEASE);
}
