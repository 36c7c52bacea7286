#include "relay_fast.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static bool put_pair(const struct relay_fast *fast, const struct relay_fast_pair *pair, uint32_t leg)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)fast->pairs;
    attributes.key = (uintptr_t)pair;
    attributes.value = (uintptr_t)&leg;
    return bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0;
}

static bool delete_pair(const struct relay_fast *fast, const struct relay_fast_pair *pair)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)fast->pairs;
    attributes.key = (uintptr_t)pair;
    return bpf(BPF_MAP_DELETE_ELEM, &attributes) == 0;
}

static bool first_pair(const struct relay_fast *fast, struct relay_fast_pair *pair)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)fast->pairs;
    attributes.next_key = (uintptr_t)pair;
    return bpf(BPF_MAP_GET_NEXT_KEY, &attributes) == 0;
}

static bool is_map(int fd, enum bpf_map_type type, size_t key_size, size_t value_size, struct bpf_map_info *info)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    memset(info, 0, sizeof *info);
    attributes.info.bpf_fd = (uint32_t)fd;
    attributes.info.info_len = sizeof *info;
    attributes.info.info = (uintptr_t)info;
    return bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0 && info->type == type && info->key_size == key_size &&
           info->value_size == value_size;
}

static void empty(const struct relay_fast *fast)
{
    struct relay_fast_pair pair;
    while (first_pair(fast, &pair) && delete_pair(fast, &pair))
        continue;
    for (size_t leg = 0; leg < fast->size / sizeof *fast->legs; leg++)
        relay_put(fast->legs[leg].on, 0);
}

static enum relay_error map(struct relay_fast *fast, int pairs, int legs, uint32_t capacity)
{
    struct bpf_map_info of_pairs, of_legs;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!is_map(pairs, BPF_MAP_TYPE_HASH, sizeof(struct relay_fast_pair), sizeof(uint32_t), &of_pairs) ||
        !is_map(legs, BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct relay_fast_leg), &of_legs) ||
        of_pairs.max_entries < capacity * RELAY_SIDES || of_legs.max_entries < capacity * RELAY_SIDES)
        return RELAY_ERROR_FAST;
    fast->pairs = fcntl(pairs, F_DUPFD_CLOEXEC, 0);
    fast->legs_fd = fcntl(legs, F_DUPFD_CLOEXEC, 0);
    if (fast->pairs < 0 || fast->legs_fd < 0)
        return RELAY_ERROR_SYSTEM;
    size_t size = (of_legs.max_entries * sizeof *fast->legs + page - 1) / page * page;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, legs, 0);
    if (mapped == MAP_FAILED)
        return RELAY_ERROR_SYSTEM;
    fast->legs = mapped;
    fast->size = size;
    fast->odd = calloc(capacity, sizeof *fast->odd);
    fast->refusal = calloc(capacity, sizeof *fast->refusal);
    return fast->odd == NULL || fast->refusal == NULL ? RELAY_ERROR_MEMORY : RELAY_OK;
}

enum relay_error relay_fast_open(struct relay_fast **out, int pairs, int legs, uint32_t capacity)
{
    struct relay_fast *fast = calloc(1, sizeof *fast);
    if (fast == NULL)
        return RELAY_ERROR_MEMORY;
    fast->pairs = fast->legs_fd = fast->changes = fast->queries = -1;
    enum relay_error error = map(fast, pairs, legs, capacity);
    if (error == RELAY_OK && !relay_fast_open_routes(fast))
        error = RELAY_ERROR_SYSTEM;
    if (error != RELAY_OK) {
        relay_fast_abandon(fast);
        return error;
    }
    empty(fast);
    *out = fast;
    return RELAY_OK;
}

void relay_fast_abandon(struct relay_fast *fast)
{
    int saved = errno;
    if (fast == NULL)
        return;
    for (int i = 0; i < 4; i++) {
        int fd = (int[]){fast->pairs, fast->legs_fd, fast->changes, fast->queries}[i];
        if (fd >= 0)
            close(fd);
    }
    if (fast->legs != NULL)
        munmap(fast->legs, fast->size);
    free(fast->odd);
    free(fast->refusal);
    free(fast);
    errno = saved;
}

void relay_fast_close(struct relay_fast *fast)
{
    if (fast != NULL)
        empty(fast);
    relay_fast_abandon(fast);
}

bool relay_fast_add_interface(struct relay_fast *fast, uint32_t interface)
{
    if (fast->interfaces == RELAY_FAST_INTERFACES)
        return false;
    fast->interface[fast->interfaces++] = (struct relay_fast_interface){interface, relay_fast_mtu(fast, interface)};
    return true;
}

static struct relay_flow *flow_of(struct relay_stream *table, int side)
{
    return &table->component[RELAY_RTP_COMPONENT][side].flow;
}

/* A side's packets come with what the other side's leave with, the other way round. */
static const struct relay_fast_pair *pair_of(const struct relay_fast *fast, uint32_t stream, int side)
{
    return &relay_fast_leg_of(fast, stream, !side)->out;
}

static void take_off(const struct relay_fast *fast, uint32_t stream)
{
    for (int side = 0; side < RELAY_SIDES; side++)
        __atomic_store_n(&relay_fast_leg_of(fast, stream, side)->on, 0, __ATOMIC_RELEASE);
    for (int side = 0; side < RELAY_SIDES; side++)
        delete_pair(fast, pair_of(fast, stream, side));
}

bool relay_fast_enter(struct relay_fast *fast, uint32_t stream, struct relay_stream *table,
                      const struct relay_fast_leg plan[RELAY_SIDES])
{
    for (int side = 0; side < RELAY_SIDES; side++) {
        struct relay_fast_leg *leg = relay_fast_leg_of(fast, stream, side);
        *leg = plan[side];
        leg->flow = *flow_of(table, side);
        memcpy(leg->clock, table->clock[side], sizeof leg->clock);
    }
    for (int side = 0; side < RELAY_SIDES; side++)
        __atomic_store_n(&relay_fast_leg_of(fast, stream, side)->on, 1, __ATOMIC_RELEASE);
    for (int side = 0; side < RELAY_SIDES; side++)
        if (!put_pair(fast, pair_of(fast, stream, side), stream * RELAY_SIDES + (uint32_t)side)) {
            relay_fast_leave(fast, stream, table);
            return false;
        }
    return true;
}

void relay_fast_fetch(const struct relay_fast *fast, uint32_t stream, struct relay_stream *table)
{
    for (int side = 0; side < RELAY_SIDES; side++) {
        struct relay_flow flow;
        relay_flow_get(&flow, &relay_fast_leg_of(fast, stream, side)->flow);
        relay_words_put(flow_of(table, side), &flow, sizeof flow);
    }
}

/* The calls that delete take longer than what the program may still be doing, so its last packet is counted. */
void relay_fast_leave(struct relay_fast *fast, uint32_t stream, struct relay_stream *table)
{
    take_off(fast, stream);
    relay_fast_fetch(fast, stream, table);
    for (int side = 0; side < RELAY_SIDES; side++)
        relay_count(table->rare[RELAY_RTP_COMPONENT][side].gaps, relay_fast_leg_of(fast, stream, side)->gaps);
}
