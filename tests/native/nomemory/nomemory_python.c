/* What nomemory.c does, for Python's allocations alone and without being preloaded: under ASan, which wants to be first. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "nomemory_count.h"

static PyMemAllocatorEx next[3]; /* by domain: raw, mem, object */

static void *take(void *context, size_t size)
{
    const PyMemAllocatorEx *below = context;
    return fails() ? NULL : counted(below->malloc(below->ctx, size));
}

static void *take_zeroed(void *context, size_t count, size_t size)
{
    const PyMemAllocatorEx *below = context;
    return fails() ? NULL : counted(below->calloc(below->ctx, count, size));
}

static void *resize(void *context, void *memory, size_t size)
{
    const PyMemAllocatorEx *below = context;
    if (fails())
        return NULL;
    void *moved = below->realloc(below->ctx, memory, size);
    return memory == NULL ? counted(moved) : moved;
}

static void give_back(void *context, void *memory)
{
    const PyMemAllocatorEx *below = context;
    count_freed(memory);
    below->free(below->ctx, memory);
}

void nomemory_install(void);
void nomemory_install(void)
{
    for (PyMemAllocatorDomain domain = PYMEM_DOMAIN_RAW; domain <= PYMEM_DOMAIN_OBJ; domain++) {
        PyMem_GetAllocator(domain, &next[domain]);
        PyMemAllocatorEx ours = {&next[domain], take, take_zeroed, resize, give_back};
        PyMem_SetAllocator(domain, &ours);
    }
}
