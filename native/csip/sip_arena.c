/* Where the interpreter's small objects live: pages of 2 MiB instead of 4 KiB. A busy worker holds some hundred MiB of transactions
 * that it comes back to once, and without them each visit costs a walk of the page table, two under a hypervisor. The kernel takes some ms
 * to zero such a page when it is first touched: a thread that runs when nothing else does has the next one ready, so that no message
 * waits for it. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "sip_py.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE 4096

static PyObjectArenaAllocator plain;
static char *spare;            /* the other half of the last page */
static _Atomic(char *) ready; /* the next page, touched; NULL while there is none */
static sem_t wanted;          /* posted when `ready` was taken */

static char *map_huge_page(void) {
    char *mapped = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)mapped % HUGE_PAGE) % HUGE_PAGE;
    if (before) munmap(mapped, before);
    munmap(mapped + before + HUGE_PAGE, HUGE_PAGE - before);
    madvise(mapped + before, HUGE_PAGE, MADV_HUGEPAGE); /* refused: small pages, as before */
    return mapped + before;
}

/* Also where the kernel has no huge page, and gives small ones. */
static void touch(volatile char *page) {
    for (size_t at = 0; at < HUGE_PAGE; at += SMALL_PAGE) page[at] = 0;
}

static void *prepare(void *unused) {
    struct sched_param none = {0};
    pthread_setschedparam(pthread_self(), SCHED_IDLE, &none); /* refused: it takes turns with the others */
    for (;;) {
        if (sem_wait(&wanted) < 0 || atomic_load(&ready)) continue;
        char *page = map_huge_page();
        if (!page) continue;
        touch(page);
        atomic_store(&ready, page);
    }
    return unused;
}

/* Without the thread, pages are touched when they are used. It takes no signals: those are the interpreter's. */
static void start_preparing(void) {
    pthread_t thread;
    sigset_t all, before;
    if (sem_init(&wanted, 0, 1) < 0) return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, prepare, NULL) == 0) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static char *take_huge_page(void) {
    char *page = atomic_exchange(&ready, NULL);
    sem_post(&wanted);
    return page ? page : map_huge_page();
}

/* Called with the interpreter's lock held, as every arena allocator. */
static void *allocate(void *context, size_t size) {
    if (size * 2 != HUGE_PAGE) return plain.alloc(context, size);
    char *arena = spare;
    if (arena) {
        spare = NULL;
        return arena;
    }
    if (!(arena = take_huge_page())) return plain.alloc(context, size);
    spare = arena + size;
    return arena;
}

static void release(void *context, void *arena, size_t size) { plain.free(context, arena, size); }

PyObject *sip_use_huge_pages(PyObject *unused, PyObject *no_arguments) {
    (void)unused;
    (void)no_arguments;
    if (!plain.alloc) {
        PyObject_GetArenaAllocator(&plain);
        start_preparing();
        PyObject_SetArenaAllocator(&(PyObjectArenaAllocator){plain.ctx, allocate, release});
    }
    Py_RETURN_NONE;
}
