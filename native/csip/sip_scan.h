/* The scanner's parts that framing and salvage share. Nothing here owns or allocates. */
#ifndef SIP_SCAN_H
#define SIP_SCAN_H

#include "sip_message.h"

/* One header line at `at`, folding included. *next is behind it. SIP_INCOMPLETE when the buffer ends within it; so it does
 * at a line end as last byte, which leaves open whether a fold follows, unless `at_end` says that nothing will. */
enum sip_error sip_scan_line(const char *data, size_t size, size_t at, bool at_end, struct sip_line *line, size_t *next);

/* Is there an empty line at `at`? Its size (1 or 2), 0 when not, -1 when the buffer ends within it. */
int sip_scan_empty_line(const char *data, size_t size, size_t at);

/* The start line at message->start_at; fills the start line's fields. SIP_INCOMPLETE when it has no end yet. */
enum sip_error sip_scan_start(struct sip_message *message, const char *data, size_t size);

/* Content-Length of all such lines: *length is -1 when there is none. */
struct sip_fault sip_scan_length(const char *data, const struct sip_line *lines, size_t count, int64_t *length);

/* Bytes of empty lines in front of the start line (RFC 3261 section 7.5). */
size_t sip_scan_leading(const char *data, size_t size);

#endif
