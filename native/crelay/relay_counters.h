/* What was counted of streams, as objects that hold the numbers themselves. */
#ifndef RELAY_COUNTERS_H
#define RELAY_COUNTERS_H

#include "relay_bencode.h"

/* Of a line, a dialogue or a call: what both sides have sent. Never changed. */
typedef struct {
    PyObject_HEAD
    struct relay_totals component[RELAY_COMPONENTS];
} TotalsObject;

/* Of one stream. Never changed. */
typedef struct {
    PyObject_HEAD
    struct relay_stats of[RELAY_SIDES][RELAY_COMPONENTS];
} StreamStatsObject;

extern PyTypeObject relay_totals_type, relay_stream_stats_type;

/* A Tally, a ComponentStats. */
PyObject *relay_make_tally(const struct relay_totals *totals);
PyObject *relay_make_stats(const struct relay_stats *stats);

PyObject *relay_make_totals(const struct relay_totals totals[RELAY_COMPONENTS]);

#endif
