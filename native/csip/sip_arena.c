/* Where the interpreter's small objects live: pages of 2 MiB instead of 4 KiB. A busy worker holds some hundred MiB of transactions
 * that it comes back to once, and without them each visit costs a walk of the page table, two under a hypervisor. */
#include <sys/mman.h>

#include "sip_py.h"

#define HUGE_PAGE ((size_t)2 << 20)

static PyObjectArenaAllocator plain;
static char *spare; /* the other half of the last page */

static char *map_huge_page(void) {
    char *mapped = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)mapped % HUGE_PAGE) % HUGE_PAGE;
    if (before) munmap(mapped, before);
    munmap(mapped + before + HUGE_PAGE, HUGE_PAGE - before);
    madvise(mapped + before, HUGE_PAGE, MADV_HUGEPAGE); /* refused: small pages, as before */
    return mapped + before;
}

/* Called with the interpreter's lock held, as every arena allocator. */
static void *allocate(void *context, size_t size) {
    if (size * 2 != HUGE_PAGE) return plain.alloc(context, size);
    char *arena = spare;
    if (arena) {
        spare = NULL;
        return arena;
    }
    if (!(arena = map_huge_page())) return plain.alloc(context, size);
    spare = arena + size;
    return arena;
}

static void release(void *context, void *arena, size_t size) { plain.free(context, arena, size); }

PyObject *sip_use_huge_pages(PyObject *unused, PyObject *no_arguments) {
    (void)unused;
    (void)no_arguments;
    if (!plain.alloc) {
        PyObject_GetArenaAllocator(&plain);
        PyObject_SetArenaAllocator(&(PyObjectArenaAllocator){plain.ctx, allocate, release});
    }
    Py_RETURN_NONE;
}
