/* Answers of a server that has too much to do, made of the request alone: 503 without a transaction (RFC 3261 section 8.2.7). */
#ifndef SIP_REFUSE_H
#define SIP_REFUSE_H

#include "sip_build.h"

/* A request outside any dialog that would begin something: work that need not be taken on. */
bool sip_begins(const struct sip_message *message);

/* Whether a message may be such a request, or the ACK for an answer to one, as far as its first word tells: most of what comes in an
 * overload belongs to what was let in, and is not to be read twice. */
bool sip_may_concern_refusal(struct sip_slice data);

/* It goes on with something that began with a challenge (RFC 3261 section 22). */
bool sip_has_credentials(const struct sip_message *message);

/* To tag of an answer without transaction: that of the request's server key, so the same for a retransmission. */
struct sip_refusal_tag {
    char text[9];
};
struct sip_refusal_tag sip_refusal_tag(struct sip_slice server_key);

/* An ACK for such an answer: it has the branch of its INVITE, so the same server key (RFC 3261 section 17.1.1.3). */
bool sip_ends_refusal(const struct sip_message *message, struct sip_slice server_key);

/* Whether the answer goes back to where the request came from (RFC 3261 section 18.2.2, RFC 3581 section 4). */
bool sip_answers_to_source(const struct sip_message *message, uint16_t port);

/* The 503, its Retry-After from 1 to `retry_after_s` by the key, so that not all come back at once. Stamps the request's Via. */
struct sip_fault sip_add_refusal(struct sip_buffer *out, struct sip_message *request, struct sip_slice host, uint16_t port,
    struct sip_slice server_key, uint32_t retry_after_s);

#endif
