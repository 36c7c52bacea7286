/* A REGISTER that refreshes one binding of its AOR and says nothing else: by far the most common one, so it is done here in one
 * step. sipcore/registrar.py has the rules of all others; of these two ways each must leave what the other would. */
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

/* The flow the request came over. */
struct sip_source {
    struct sip_slice host;
    uint64_t connection_id; /* 0 for datagrams */
    uint32_t port;
    uint32_t listener;
    uint32_t default_port; /* of its transport */
    bool reliable;
    bool verified; /* TLS: nobody without a certificate can be connected to */
};

struct sip_refreshed {
    size_t changed; /* index of the binding */
    bool outbound;  /* to be answered as a flow (RFC 5626 section 6) */
};

/* Changes one binding of what `text` holds, whose slices it then borrows of the request; `now` is Unix time. `gruus`: user agents that
 * ask for GRUUs get them. False when the registrar must look itself. */
bool sip_refresh(const struct sip_message *request, struct sip_slice text, const struct sip_source *source,
    const struct sip_refresh_limits *limits, bool gruus, double now, struct sip_record *record, struct sip_refreshed *refreshed);

#endif
