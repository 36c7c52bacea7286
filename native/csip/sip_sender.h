/* Whether the sender of a request can be reached at the address that it gives itself. */
#ifndef SIP_SENDER_H
#define SIP_SENDER_H

#include "sip_read.h"

enum sip_sender {
    SIP_SENDER_DIRECT,
    SIP_SENDER_NATTED,  /* only over the flow that the request came by */
    SIP_SENDER_CONTACT, /* the numeric address in Contact is not the source's: natted when only its own network reaches that */
};

/* So it is natted when the user agent itself sent the request (one Via), and the address it gives itself in Via is not the one it has
 * (RFC 3581). `host`: the source's, numeric. `reliable`: it came over a connection. */
enum sip_sender sip_find_sender(const struct sip_message *request, struct sip_slice host, bool reliable);

/* Ends with .invalid, as a browser calls itself, which doesn't know its address (RFC 7118 section 5). */
bool sip_host_is_invalid(struct sip_slice host);

#endif
