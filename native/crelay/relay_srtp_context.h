/* The context of one way, its session keys, and the ciphers they are used with. For the files that implement relay_srtp.h,
 * and their tests. */
#ifndef RELAY_SRTP_CONTEXT_H
#define RELAY_SRTP_CONTEXT_H

/* HMAC-SHA1 runs on two SHA-1 states that have the key in them already: EVP_MAC of OpenSSL 3.0 allocates for each packet when
 * it starts again with the key it has. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "relay_srtp.h"

#define RELAY_LINE 64
#define RELAY_SALT_BYTES 14
#define RELAY_AUTH_BYTES 20
#define RELAY_SHA1_BLOCK 64
#define RELAY_GCM_TAG 16

struct relay_session_keys {
    uint8_t cipher[32];
    uint8_t salt[RELAY_SALT_BYTES]; /* AEAD uses the first 12 */
    uint8_t auth[RELAY_AUTH_BYTES];
};

/* A cipher keyed anew for each packet stays in the cache. One for each way would cost as much to fetch from memory as its key
 * schedule costs, and kilobytes a call. Counter mode is its own inverse: both are one. */
struct relay_engine {
    EVP_CIPHER_CTX *seal[RELAY_SUITES], *open[RELAY_SUITES];
};

/* The state of SHA-1 after one block. */
struct relay_hash_start {
    uint32_t word[5];
};

/* RTP's or RTCP's: what a packet needs is one line, with HMAC two. */
struct relay_srtp_half {
    _Alignas(RELAY_LINE) EVP_CIPHER_CTX *seal; /* the engine's, as open */
    EVP_CIPHER_CTX *open;
    uint8_t cipher[32];
    uint8_t salt[RELAY_SALT_BYTES];
    uint8_t tag_bytes; /* RELAY_GCM_TAG: AEAD */
    uint8_t mki_bytes;
    struct relay_hash_start inner, outer; /* HMAC-SHA1 after its key */
};

struct relay_srtp {
    struct relay_srtp_half half[2]; /* RTP, RTCP */
};

_Static_assert(offsetof(struct relay_srtp_half, inner) == RELAY_LINE, "all but HMAC's states is one line");

static inline bool relay_srtp_aead(const struct relay_srtp_half *half) { return half->tag_bytes == RELAY_GCM_TAG; }

/* Session keys of RTP or RTCP (RFC 3711 section 4.3.1, RFC 7714 section 11); false: out of memory. */
bool relay_srtp_derive(const struct relay_key *key, bool rtcp, struct relay_session_keys *session);
struct relay_srtp *relay_srtp_open_session(struct relay_engine *engine, enum relay_suite suite, uint8_t mki_bytes,
                                           const struct relay_session_keys session[2]);

#endif
