#include "watch.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#include "machine.h"

#define PERIOD_NS 1000000u
#define PRIORITY 2 /* of SCHED_FIFO: relays have 1 */

static uint64_t due_ns, longest_ns;

static void note(uint64_t due, uint64_t now)
{
    uint64_t before = __atomic_load_n(&longest_ns, __ATOMIC_RELAXED);
    while (now > due && now - due > before &&
           !__atomic_compare_exchange_n(&longest_ns, &before, now - due, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

static void *watch(void *unused)
{
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        uint64_t due = now_ns() + PERIOD_NS;
        __atomic_store_n(&due_ns, due, __ATOMIC_RELAXED);
        nanosleep(&(struct timespec){.tv_nsec = PERIOD_NS}, NULL);
        note(due, now_ns());
    }
    return unused;
}

void watch_open(int core)
{
    pthread_attr_t attributes;
    pthread_t id;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    pthread_attr_init(&attributes);
    pthread_attr_setaffinity_np(&attributes, sizeof cores, &cores);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &(struct sched_param){.sched_priority = PRIORITY});
    (void)!pthread_create(&id, &attributes, watch, NULL);
    pthread_attr_destroy(&attributes);
}

uint64_t watch_stall_ns(void)
{
    uint64_t due = __atomic_load_n(&due_ns, __ATOMIC_RELAXED);
    if (due != 0)
        note(due, now_ns()); /* it may be waiting still */
    return __atomic_exchange_n(&longest_ns, 0, __ATOMIC_RELAXED);
}
