/* Whether a contact can be reached at the address it names: sipcore/nat.py for what needs no understanding of addresses. */
#ifndef SIP_REACH_H
#define SIP_REACH_H

#include "sip_refresh.h"

struct sip_reach {
    bool natted;        /* only over the flow */
    bool by_connection; /* over the connection while it lives */
};

/* False when addresses would have to be understood. */
bool sip_find_reach(const struct sip_uri *contact, const struct sip_via *via, const struct sip_source *source, struct sip_reach *reach);

/* Whether the user agent that sent `request` over TLS says in Contact that it listens elsewhere than at its end of the connection: a phone
 * has no certificate to be verified by there, so only the connection leads to it. */
bool sip_is_unverifiable(const struct sip_message *request, const struct sip_source *source);

#endif
