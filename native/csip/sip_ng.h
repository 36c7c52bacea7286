/* Requests to the media daemon and its replies, in bencode: what the calls of a proxy need of them. */
#ifndef SIP_NG_H
#define SIP_NG_H

#include "sip_buffer.h"

/* A body on its way: in ng the offerer's tag stands first, in an answer too. What is empty is left out. */
struct sip_ng_body {
    struct sip_slice command, call_id, offerer, answerer, via_branch, sdp;
    struct sip_slice host; /* where its SIP message came from */
    struct sip_slice more; /* further keys and values, in bencode */
    int status;            /* of the response it is in, 0 for a request */
    bool natted;           /* its sender's media comes from there, too */
    bool early;            /* nobody has answered the INVITE yet */
};

void sip_ng_add_body(struct sip_buffer *out, const struct sip_ng_body *body);

/* Whether a reply says "ok" and brings a body, and nothing that has to be looked at more closely. */
bool sip_ng_grants(struct sip_slice reply, struct sip_slice *sdp);

#endif
