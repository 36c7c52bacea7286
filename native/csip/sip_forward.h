/* What a proxy does to a request on its way through (RFC 3261 section 16.6). */
#ifndef SIP_FORWARD_H
#define SIP_FORWARD_H

#include "sip_read.h"

/* Item 3: Max-Forwards one less, or `initial` when there was none; SIP_OUT_OF_RANGE when it is 0. Max-Breadth as given (RFC 5393
 * section 5.3.3). */
enum sip_error sip_count_hop(struct sip_message *message, uint32_t initial, uint32_t breadth);

/* Items 1 to 3: a copy for `uri`, its hop counted. On failure the copy owns nothing. */
struct sip_fault sip_forward(struct sip_message *copy, const struct sip_message *received, struct sip_slice uri,
    uint32_t max_forwards, uint32_t breadth);

/* Value of that URI parameter of the topmost Route, as it stands there; at is NULL without Route or parameter. */
struct sip_fault sip_route_param(const struct sip_message *message, struct sip_slice name, struct sip_scratch *scratch,
    struct sip_slice *value);

#endif
