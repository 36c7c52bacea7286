/* A thread ahead of the relay's on the relay's core: it wants to run every millisecond, and the longest it was kept waiting is the
 * longest the core did not run at all, because the hypervisor took it or the kernel gave it to somebody else. */
#ifndef RTPLOAD_WATCH_H
#define RTPLOAD_WATCH_H

#include <stdint.h>

void watch_open(int core); /* without the right to be ahead of the relay it does not watch and sees no stall */

/* The longest wait since this was asked before, or that has not ended yet. */
uint64_t watch_stall_ns(void);

#endif
