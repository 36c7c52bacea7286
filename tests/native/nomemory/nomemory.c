/* Preloaded in front of the C library (or of ASan): lets the n-th allocation of the thread that asked for it fail, and counts
 * what is allocated and not freed. */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include "nomemory_count.h"

#define EARLY_BYTES 16384 /* for dlsym itself, before it has told us whom to call */

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

static _Alignas(16) char early[EARLY_BYTES];
static size_t early_used;

static int is_early(const void *memory) { return (uintptr_t)memory - (uintptr_t)early < EARLY_BYTES; }

static void *early_memory(size_t size)
{
    size_t at = early_used;
    early_used += (size + 15) & ~(size_t)15;
    return early_used <= EARLY_BYTES ? early + at : NULL;
}

static void find_next(void)
{
    static int finding;
    if (next_free != NULL || finding)
        return;
    finding = 1;
    next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

void *malloc(size_t size)
{
    find_next();
    if (next_free == NULL)
        return early_memory(size);
    return fails() ? NULL : counted(next_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    find_next();
    if (next_free == NULL)
        return early_memory(count * size);
    return fails() ? NULL : counted(next_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return malloc(size);
    if (is_early(memory)) {
        void *moved = malloc(size);
        size_t there = EARLY_BYTES - (size_t)((char *)memory - early);
        return moved != NULL ? memcpy(moved, memory, size < there ? size : there) : NULL;
    }
    return fails() ? NULL : next_realloc(memory, size);
}

void free(void *memory)
{
    if (memory == NULL || is_early(memory))
        return;
    count_freed(memory);
    next_free(memory);
}
