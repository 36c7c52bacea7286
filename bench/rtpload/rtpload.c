/* RTP load: thousands of calls, 172-byte packets every 20 ms each way through a relay, evenly spaced over the 20 ms.
 *
 * usage: rtpload WARM_UP_MS MEASURE_MS RELAY_PID < calls (see ends.h)
 *
 * The kernel stamps what arrives (SO_TIMESTAMPNS), so how late this program looks at it does not matter. A socket is drained
 * when it is its turn to send. Prints one JSON object: what was sent and received in the measured window, latency
 * percentiles, the CPU time of all threads of RELAY_PID in the window, and how late this program was itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "ends.h"
#include "machine.h"

#define PERIOD_NS 20000000ull
#define DRAIN_NS 300000000ull
#define LATE_NS 1000000ull

static struct ends ends;
static struct window window;
static uint32_t *order; /* the ends by their turn: neighbours in the relay's table are not neighbours in time */

static void shuffle(void)
{
    order = malloc(ends.count * sizeof *order);
    if (order == NULL)
        die("memory");
    srand(1);
    for (size_t i = 0; i < ends.count; i++) {
        size_t other = (size_t)rand() % (i + 1);
        order[i] = order[other];
        order[other] = (uint32_t)i;
    }
}

static void wait_until(uint64_t due)
{
    uint64_t begun = now_ns(), now;
    while ((now = now_ns()) < due)
        if (due - now > 150000)
            nanosleep(&(struct timespec){.tv_nsec = (long)(due - now - 100000)}, NULL);
    if (window_measures(&window, begun))
        window.waited_ns += now - begun;
    window.late += now - due > LATE_NS && window_measures(&window, now);
}

static size_t run_until(uint64_t start_ns, size_t slot, uint64_t end_ns)
{
    for (;; slot++) {
        uint64_t due = start_ns + slot * PERIOD_NS / ends.count;
        if (due >= end_ns)
            return slot;
        wait_until(due);
        ends_drain(&ends, order[slot % ends.count], &window);
        ends_send(&ends, order[slot % ends.count], &window);
    }
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: rtpload WARM_UP_MS MEASURE_MS RELAY_PID < calls\n");
        return 2;
    }
    uint64_t warm_up_ns = strtoull(arguments[1], NULL, 10) * 1000000u, measure_ns = strtoull(arguments[2], NULL, 10) * 1000000u;
    prctl(PR_SET_TIMERSLACK, 1);
    ends_read(&ends, (size_t)((warm_up_ns + measure_ns + DRAIN_NS) / PERIOD_NS + 2));
    shuffle();
    window_open(&window, (size_t)(measure_ns / PERIOD_NS + 2) * ends.count);

    uint64_t start_ns = now_ns() + 1000000;
    size_t slot = run_until(start_ns, 0, start_ns + warm_up_ns);
    struct costs before = {cpu_ns(arguments[3]), own_cpu_ns(), stolen_ms()};
    window.first_ns = now_ns();
    slot = run_until(start_ns, slot, start_ns + warm_up_ns + measure_ns);
    window.last_ns = now_ns();
    struct costs costs = {cpu_ns(arguments[3]) - before.relay_ns, own_cpu_ns() - before.own_ns, stolen_ms() - before.steal_ms};
    run_until(start_ns, slot, start_ns + warm_up_ns + measure_ns + DRAIN_NS);
    for (size_t i = 0; i < ends.count; i++)
        ends_drain(&ends, i, &window);
    ends_check(&ends, &window);
    window_print(&window, &costs);
    return 0;
}
