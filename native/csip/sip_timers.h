/* Running timers. One queue for each timer length: timers of equal length expire in the order they were started, so starting and
 * cancelling are O(1), and a timer costs no heap operation. Meant for few lengths (the timers of RFC 3261 and the configured
 * limits); many work too, but each costs a look per collection. */
#ifndef SIP_TIMERS_H
#define SIP_TIMERS_H

#include "sip_base.h"

#define SIP_IDLE_QUEUES 64 /* from so many queues on, empty ones are freed when another length comes */

struct sip_timer;

/* What an owner does with a timer of its that has stopped. */
struct sip_timer_kind {
    int (*fire)(struct sip_timer *timer); /* its time has come; -1: it failed, the owner knows why */
    void (*drop)(struct sip_timer *timer); /* its time will never come: the queues are gone */
};

/* Part of whatever the owner knows of a timer. It runs while `next` is not NULL. */
struct sip_timer {
    double deadline;
    struct sip_timer *next, *previous;
    const struct sip_timer_kind *kind; /* the owner's; not looked at by the queues */
};

struct sip_timers;

struct sip_timers *sip_timers_new(void); /* NULL without memory */
void sip_timers_free(struct sip_timers *timers); /* none may run any more */

/* `timer` must not be running. It starts also without memory: what its owner waits for is sure to come. */
void sip_timers_start(struct sip_timers *timers, struct sip_timer *timer, double now, double length);
void sip_timer_stop(struct sip_timer *timer); /* harmless when it doesn't run */

/* Sets aside what is due at `now`; sip_timers_due then takes it one by one, soonest first, NULL at the end. What is started
 * meanwhile is not among it; what is stopped meanwhile isn't either. */
void sip_timers_collect(struct sip_timers *timers, double now);
struct sip_timer *sip_timers_due(struct sip_timers *timers);

/* Any running one; for the owner's clean-up. */
struct sip_timer *sip_timers_any(struct sip_timers *timers);

bool sip_timers_soonest(const struct sip_timers *timers, double *deadline); /* false when none runs */
size_t sip_timers_lengths(const struct sip_timers *timers); /* kept in mind */

#endif
