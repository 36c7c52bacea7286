/* What a relay thread does: an epoll loop over the sockets of its streams. */
#ifndef RELAY_LOOP_H
#define RELAY_LOOP_H

#include "relay_thread.h"

/* An event's data: this, or the leg and, above it, its socket, which can be asked before the leg's line is there. */
#define RELAY_EVENT_WAKE UINT64_MAX
#define RELAY_EVENT_FD_SHIFT 32

/* ``argument``: the struct relay_thread. Until that is stopped. */
void *relay_loop(void *argument);

/* Between two packets of the thread: what it kept for the stream goes by where its sides are now. */
void relay_loop_judge_early(struct relay_thread *thread, uint32_t stream);

#endif
