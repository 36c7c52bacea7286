/* How a stream would go by the fast path; control's. */
#ifndef RELAY_FAST_PLAN_H
#define RELAY_FAST_PLAN_H

#include "relay_state.h"

/* A stream that its thread is to take on or off. */
struct relay_fast_task {
    uint32_t number;
    struct relay_fast_leg plan[RELAY_SIDES];
    union relay_address remote[RELAY_SIDES]; /* which the plan was made for */
    bool enters;                             /* else it leaves */
    enum relay_fast_refusal refusal;         /* when it could not enter, or why it leaves */
};

/* False, with the reason in ``refusal``: it may not. The same question is the thread's to ask once more. */
bool relay_fast_fits(const struct relay *relay, uint32_t number, enum relay_fast_refusal *refusal);

/* What a stream needs that fits. False, with ``refusal``: there is no way. */
bool relay_fast_plan(const struct relay *relay, struct relay_fast_task *task);

/* Whether the ways of a stream that is on it still are those it was planned for. */
bool relay_fast_holds(const struct relay *relay, uint32_t number);

#endif
