/* Values of Authorization and Proxy-Authorization in the Digest scheme (RFC 3261 section 25.1, RFC 7616 section 3.4). */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "sip_value.h"

/* Whether `value` is of that scheme; then `params` is what follows its name. */
bool sip_digest_scheme(struct sip_slice value, struct sip_slice *params);

/* Takes the next `name=value` and the comma behind it off the front of `rest`; a quoted value keeps its quotes. *found is false
 * at the end. */
enum sip_error sip_digest_next(struct sip_slice *rest, struct sip_param *param, bool *found);

#endif
