/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a keyed hash for short texts that we hand out and want
 * back unaltered. */
#ifndef SIP_MAC_H
#define SIP_MAC_H

#include "sip_base64.h"
#include "sip_buffer.h"

#define SIP_MAC_KEY_BYTES 16
#define SIP_MAC_BYTES 9 /* of 16: 72 bits, so that base64 needs no padding */
#define SIP_MAC_TEXT_SIZE 12

void sip_hash(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice text, uint8_t out[16]);

/* The first 72 bits in the URL-safe alphabet of base64 (RFC 4648 section 5). */
void sip_mac_text(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice text, char out[SIP_MAC_TEXT_SIZE]);

/* Every character is looked at, so the time taken says nothing of where the first difference is. */
bool sip_mac_same(const char *a, const char *b);

/* Adds the MAC of the fields and the context they are good in, then the fields. */
void sip_add_sealed(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice fields, struct sip_slice context);

/* The fields of what sip_add_sealed added, a slice of `sealed`; `at` is NULL when it was not made for that context. */
enum sip_error sip_unseal(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice sealed, struct sip_slice context,
    struct sip_slice *fields);

/* What the branch of our Via is made of (sipcore/proxy/via_branch.py). */
struct sip_branch {
    struct sip_slice prefix;   /* "z9hG4bK", address id, "." */
    struct sip_slice key_id;
    struct sip_slice call_id;
    struct sip_slice identity; /* of the request received */
    struct sip_slice target;
    uint32_t attempt;
    struct sip_slice loop;
};
void sip_add_branch(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], const struct sip_branch *branch);

#endif
