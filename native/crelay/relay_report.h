/* Round trips, from the reports that pass (RFC 3550 section 6.4.1). No I/O, no clock. */
#ifndef RELAY_REPORT_H
#define RELAY_REPORT_H

#include "relay_table.h"

/* A moment as an NTP timestamp (RFC 3550 section 4). It counts from when the machine was started, as that section allows: all
 * we send has the same clock. */
static inline uint64_t relay_ntp(uint64_t now_ns)
{
    return now_ns / 1000000000u << 32 | (now_ns % 1000000000u << 32) / 1000000000u;
}

/* Reads what a side sent at ``now_ns``: its sender report is noted in ``own``; its report on the other side's, which ``other``
 * notes, gives the time from us to this side and back, in ``own``. SRTCP hides both: then nothing matches. ``other`` NULL: what
 * it reports on is ours. */
void relay_report_read(struct relay_report *own, const struct relay_report *other, const uint8_t *data, size_t size,
                       uint64_t now_ns);

#endif
