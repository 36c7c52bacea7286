/* Clock, processor time and the way out, for the load maker. */
#ifndef RTPLOAD_MACHINE_H
#define RTPLOAD_MACHINE_H

#include <stdint.h>
#include <sys/types.h>

uint64_t now_ns(void); /* CLOCK_REALTIME: what the kernel stamps packets with */

/* Of every thread of a process, up to this moment; without what the hypervisor took, where the kernel is told of that. */
uint64_t cpu_ns(pid_t pid);

/* Time the hypervisor kept from all our processors. */
uint64_t stolen_ms(void);

_Noreturn void die(const char *what); /* with errno's message */

#endif
