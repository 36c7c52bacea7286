/* Digest credentials of one Authorization value, read once, and the check of their response (RFC 7616 section 3.4.1). */
#ifndef SIP_CLAIM_H
#define SIP_CLAIM_H

#include "sip_digest.h"
#include "sip_hasher.h"

enum sip_claim_field {
    SIP_CLAIM_USERNAME,
    SIP_CLAIM_EXTENDED_USERNAME, /* username* */
    SIP_CLAIM_REALM,
    SIP_CLAIM_NONCE,
    SIP_CLAIM_URI,
    SIP_CLAIM_RESPONSE,
    SIP_CLAIM_ALGORITHM,
    SIP_CLAIM_CNONCE,
    SIP_CLAIM_QOP,
    SIP_CLAIM_NC,
    SIP_CLAIM_FIELDS
};

#define SIP_CLAIM_MAX_VALUE 512

/* Values without their quotes; at is NULL when absent. */
struct sip_claim {
    struct sip_slice fields[SIP_CLAIM_FIELDS];
    size_t longest; /* bytes of the longest value, unknown parameters' too */
    size_t count;   /* of all parameters */
};

/* `text` holds the parameters and is written to: quoted pairs are undone in it. SIP_REPEATED for a known name that comes twice. */
enum sip_error sip_claim_read(char *text, size_t size, struct sip_claim *claim);

/* What makes it useless though it follows the grammar, or NULL: a value too long, a required parameter missing, an unknown qop, a bad
 * nc. */
const char *sip_claim_fault(const struct sip_claim *claim);

/* 8 hex digits; 0 for anything else. */
uint32_t sip_claim_use_count(const struct sip_claim *claim);

/* Of `algorithm`, MD5 without one; SIP_CLAIM_HASHES for what we don't know. */
enum sip_claim_hash sip_claim_hash(const struct sip_claim *claim);
const char *sip_claim_hash_name(enum sip_claim_hash hash); /* "" for what we don't know */

/* 1 when the response is the one that `ha1` makes for that method and body, 0 when not or with a fault, -1 when it can't be
 * computed. Takes the same time wherever they differ. */
int sip_claim_matches(const struct sip_claim *claim, struct sip_slice ha1, struct sip_slice method, struct sip_slice body);

#endif
