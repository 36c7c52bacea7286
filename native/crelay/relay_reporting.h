/* RTCP of our own making (RFC 3550 section 6), for streams whose sides shall not see each other's: towards each side a report in the
 * name of the other one. */
#ifndef RELAY_REPORTING_H
#define RELAY_REPORTING_H

#include "relay_table.h"

#define RELAY_CNAME_BYTES 12
#define RELAY_REPORT_BYTES 76

/* What was counted of a source when it was last reported on. */
struct relay_heard {
    uint64_t packets;
    int64_t lost;
};

/* A compound packet for ``side``: a report by the other side's source on this one's, and ``cname``, which has RELAY_CNAME_BYTES.
 * ``heard`` is brought up to date. Its size; 0: the other side has sent nothing in whose name to report. The thread's part. */
size_t relay_make_report(const struct relay_stream *stream, int side, struct relay_heard *heard, const char *cname,
                         uint64_t now_ns, uint8_t out[RELAY_REPORT_BYTES]);

#endif
