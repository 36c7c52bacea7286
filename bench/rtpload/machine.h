/* Clock, processor time and the way out, for the load maker. */
#ifndef RTPLOAD_MACHINE_H
#define RTPLOAD_MACHINE_H

#include <stdint.h>

uint64_t now_ns(void); /* CLOCK_REALTIME: what the kernel stamps packets with */
uint64_t own_cpu_ns(void);

/* Of every thread of a process, as the scheduler counts it. */
uint64_t cpu_ns(const char *pid);

/* Time the hypervisor kept from all our processors. */
uint64_t stolen_ms(void);

_Noreturn void die(const char *what); /* with errno's message */

#endif
