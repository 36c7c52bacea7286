/* What is allocated and not freed, and which allocation of a thread fails: included by the one file of a library. */
#ifndef NOMEMORY_COUNT_H
#define NOMEMORY_COUNT_H
#include <errno.h>
#include <stddef.h>

static long live;
static __thread long countdown;

static int fails(void)
{
    if (countdown == 0 || --countdown != 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *memory)
{
    __atomic_add_fetch(&live, memory != NULL, __ATOMIC_RELAXED);
    return memory;
}

static void count_freed(const void *memory) { __atomic_sub_fetch(&live, memory != NULL, __ATOMIC_RELAXED); }

/* The ``n``-th allocation from now on fails, once; 0: none. What is left of an earlier count is returned. */
long nomemory_arm(long n);
long nomemory_arm(long n)
{
    long left = countdown;
    countdown = n;
    return left;
}

long nomemory_live(void);
long nomemory_live(void) { return __atomic_load_n(&live, __ATOMIC_RELAXED); }

#endif
