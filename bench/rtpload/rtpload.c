/* RTP load: groups of calls, 172-byte packets every 20 ms each way through a relay, evenly spaced over the 20 ms.
 *
 * usage: rtpload SETTLE_MS WINDOW_MS ROUNDS RELAY_CORE RELAY_PID... < calls (see ends.h)
 *
 * In each round each group has a turn: its calls are loaded for the time of settling and of a window, which is measured, and what
 * is still under way is waited for. The group's relay is the RELAY_PID of its number; relays are stopped (SIGSTOP) while it is the
 * turn of another, so that each has the machine for itself. Every other round goes through the groups backwards.
 *
 * The kernel stamps what arrives (SO_TIMESTAMPNS), so how late this program looks at it does not matter: a socket is drained when
 * it is its turn to send, and nobody ever has to be woken because a packet came. Prints a JSON object a window; SIGTERM ends it
 * after the turn.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "ends.h"
#include "machine.h"
#include "watch.h"

#define PERIOD_NS 20000000ull
#define LOOK_NS 1000000ull
#define QUIET_LOOKS 200u /* without news: a machine that stands still makes none */
#define DRAIN_LOOKS 2000u
#define LATE_NS 1000000ull
#define PAUSE_NS 60000000ull /* between turns: what else the machine does is let run then, and so need not be in a window */
#define GROUPS 16
#define OPTIONS 5 /* the program's name and what comes before the processes */

static struct ends groups[GROUPS];
static uint32_t *orders[GROUPS]; /* the ends by their turn: neighbours in the relay's table are not neighbours in time */
static pid_t relays[GROUPS];
static struct window window;
static uint64_t settle_ns, window_ns;
static volatile sig_atomic_t enough;

static void stop(int number)
{
    (void)number;
    enough = 1;
}

static uint32_t *shuffled(size_t count)
{
    uint32_t *order = malloc(count * sizeof *order);
    if (order == NULL)
        die("memory");
    srand(1);
    for (size_t i = 0; i < count; i++) {
        size_t other = (size_t)rand() % (i + 1);
        order[i] = order[other];
        order[other] = (uint32_t)i;
    }
    return order;
}

static void nap(uint64_t ns) { nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL); }

static void wait_until(uint64_t due)
{
    uint64_t begun = now_ns(), now;
    while ((now = now_ns()) < due)
        if (due - now > 150000)
            nap(due - now - 100000);
    if (window_measures(&window, begun))
        window.waited_ns += now - begun;
    window.late += now - due > LATE_NS && window_measures(&window, now);
}

static size_t run_until(size_t group, uint64_t start_ns, size_t slot, uint64_t end_ns)
{
    struct ends *ends = &groups[group];
    for (;; slot++) {
        uint64_t due = start_ns + slot * PERIOD_NS / ends->count;
        if (due >= end_ns)
            return slot;
        wait_until(due);
        ends_drain(ends, orders[group][slot % ends->count], &window);
        ends_send(ends, orders[group][slot % ends->count], &window);
    }
}

/* For what the relay still has: until all of the window's packets are there, or none has come for a while. */
static void drain(struct ends *ends)
{
    unsigned looks = 0, news = 0;
    do {
        nap(LOOK_NS);
        uint64_t before = window.received;
        for (size_t i = 0; i < ends->count; i++)
            ends_drain(ends, i, &window);
        looks++;
        if (window.received != before)
            news = looks;
    } while (window.received < window.sent && looks - news < QUIET_LOOKS && looks < DRAIN_LOOKS);
}

/* What disturbs the machine while packets of the window are under way concerns the window, and so from settling to the last. */
static void take_turn(size_t group)
{
    window_open(&window);
    watch_stall_ns();
    uint64_t start_ns = now_ns() + 1000000, steal_ms = stolen_ms();
    size_t slot = run_until(group, start_ns, 0, start_ns + settle_ns);
    uint64_t relay_ns = cpu_ns(relays[group]);
    window.first_ns = now_ns();
    run_until(group, start_ns, slot, start_ns + settle_ns + window_ns);
    window.last_ns = now_ns();
    relay_ns = cpu_ns(relays[group]) - relay_ns;
    drain(&groups[group]);
    window_print(&window, group, &(struct costs){relay_ns, stolen_ms() - steal_ms, watch_stall_ns()});
    fflush(stdout);
}

/* Its relay runs, the others stand still. */
static void give_turn(size_t group, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (relays[i] != relays[group])
            kill(relays[i], SIGSTOP);
    kill(relays[group], SIGCONT);
}

static void let_all_run(size_t count)
{
    for (size_t i = 0; i < count; i++)
        kill(relays[i], SIGCONT);
}

int main(int count, char **arguments)
{
    if (count <= OPTIONS || count > OPTIONS + GROUPS) {
        fprintf(stderr, "usage: rtpload SETTLE_MS WINDOW_MS ROUNDS RELAY_CORE RELAY_PID... < calls\n");
        return 2;
    }
    size_t last = (size_t)(count - OPTIONS), rounds = strtoull(arguments[3], NULL, 10);
    settle_ns = strtoull(arguments[1], NULL, 10) * 1000000u;
    window_ns = strtoull(arguments[2], NULL, 10) * 1000000u;
    signal(SIGTERM, stop);
    prctl(PR_SET_TIMERSLACK, 1);
    ends_read(groups, last, (size_t)((settle_ns + window_ns) / PERIOD_NS + 2));
    for (size_t i = 0; i < last; i++) {
        relays[i] = (pid_t)strtol(arguments[OPTIONS + i], NULL, 10);
        orders[i] = shuffled(groups[i].count);
    }
    watch_open((int)strtol(arguments[4], NULL, 10));
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}); /* if allowed, as the relays */
    for (size_t turn = 0; turn < rounds * last && !enough; turn++) {
        size_t group = turn / last % 2 == 0 ? turn % last : last - 1 - turn % last;
        ends_prepare(&groups[group]);
        give_turn(group, last);
        take_turn(group);
        nap(PAUSE_NS);
    }
    let_all_run(last);
    return ends_check(groups, last);
}
