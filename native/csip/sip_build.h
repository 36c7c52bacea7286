/* Messages made out of a message: responses, ACK and CANCEL, the stamped Via, transaction keys. All text goes into a buffer. */
#ifndef SIP_BUILD_H
#define SIP_BUILD_H

#include "sip_buffer.h"
#include "sip_read.h"

/* "Name: value" CRLF. */
void sip_add_header(struct sip_buffer *out, struct sip_slice name, struct sip_slice value);
/* Content-Length, the empty line and the body. */
void sip_add_body(struct sip_buffer *out, struct sip_slice body);

/* Status line and the headers RFC 3261 section 8.2.6 copies from the request; to_tag.at may be NULL. */
void sip_add_reply(struct sip_buffer *out, const struct sip_message *request, int status, struct sip_slice reason,
    struct sip_slice to_tag);

/* A whole ACK for a non-2xx final response, or CANCEL (RFC 3261 sections 17.1.1.3 and 9.1), for the request as it was sent. */
struct sip_fault sip_add_derived(struct sip_buffer *out, const struct sip_message *request, struct sip_slice method);

/* RFC 3261 section 18.2.1 and RFC 3581 section 4 on the top Via: `received` replaces what the peer wrote (NULL: nothing may
 * stay), `rport` (-1: none) fills the parameter when it is there. */
struct sip_fault sip_stamp_via(struct sip_message *message, struct sip_slice received, int32_t rport);

/* received and rport for a request from there (RFC 3261 section 18.2.1, RFC 3581 section 4). */
struct sip_fault sip_stamp_source(struct sip_message *message, struct sip_slice host, uint16_t port);

/* RFC 3261 sections 17.2.3 and 17.1.3. The method is last, behind "|". */
struct sip_fault sip_add_server_key(struct sip_buffer *out, const struct sip_message *message, struct sip_slice method);

/* What the To tag of our own responses is made of: the same for a retransmission (RFC 3261 section 8.2.6.2), and for a CANCEL
 * and its INVITE (section 9.2). */
struct sip_fault sip_add_tag_text(struct sip_buffer *out, const struct sip_message *message);
#define SIP_TAG_TEXT_BEGINS SIP_TEXT("tag\n")
struct sip_fault sip_add_client_key(struct sip_buffer *out, const struct sip_message *message);

/* What tells this request from every other, and its retransmissions not (RFC 3261 section 16.11): the server key without method,
 * Call-ID, CSeq number, From tag. */
struct sip_fault sip_add_identity(struct sip_buffer *out, const struct sip_message *message);

/* Everything in a request that may decide where it goes (RFC 5393 section 4.2.1), Call-ID and CSeq number with it. */
struct sip_fault sip_add_decisive(struct sip_buffer *out, const struct sip_message *message);

#endif
