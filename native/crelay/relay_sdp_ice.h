/* What a party says of ICE on a line (RFC 8839). */
#ifndef RELAY_SDP_ICE_H
#define RELAY_SDP_ICE_H

#include "relay_sdp.h"

struct relay_sdp_ice {
    struct relay_span ufrag, password;
    bool lite;
    bool mismatch; /* its default candidate is none of its candidates (section 4.2.5): something on the way has changed it */
};

/* False: the line speaks no ICE, or its credentials are not what section 5.4 allows. */
bool relay_sdp_read_ice(const struct relay_sdp *sdp, const struct relay_sdp_section *section, struct relay_sdp_ice *ice);

#endif
