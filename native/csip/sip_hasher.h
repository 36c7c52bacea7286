/* The hashes of Digest, in hex. */
#ifndef SIP_HASHER_H
#define SIP_HASHER_H

#include "sip_base.h"

enum sip_claim_hash { SIP_CLAIM_MD5, SIP_CLAIM_SHA_256, SIP_CLAIM_HASHES };
#define SIP_CLAIM_HEX_MAX 64

/* The hash of `text` as lower-case hex digits; their number. */
size_t sip_hash_hex(enum sip_claim_hash hash, struct sip_slice text, char out[SIP_CLAIM_HEX_MAX]);

/* The same, and remembers it for the next time. One thread only. */
size_t sip_hash_again(enum sip_claim_hash hash, struct sip_slice text, char out[SIP_CLAIM_HEX_MAX]);

#endif
