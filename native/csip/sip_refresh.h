/* A REGISTER that refreshes one plain binding of its AOR and says nothing else: by far the most common one, so it is done here in
 * one step. sipcore/registrar.py has the rules of all others; of these two ways each must leave what the other would. */
#ifndef SIP_REFRESH_H
#define SIP_REFRESH_H

#include "sip_binding.h"

struct sip_refresh_limits {
    uint32_t shortest_s; /* less than that is refused */
    uint32_t default_s;
    uint32_t max_s;
    uint32_t max_contact_bytes;
    uint32_t max_call_id_bytes;
    uint32_t max_user_agent_bytes;
};

/* The request's source: an address that UDP datagrams came from. */
struct sip_source {
    struct sip_slice host;
    uint32_t port;
    uint32_t listener;
};

/* Changes one binding of what `text` holds, whose slices it then borrows of the request; `now` is Unix time. Its index in *changed;
 * false when the registrar must look itself. */
bool sip_refresh(const struct sip_message *request, struct sip_slice text, const struct sip_source *source,
    const struct sip_refresh_limits *limits, double now, struct sip_record *record, size_t *changed);

#endif
