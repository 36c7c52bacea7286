/* The contexts of one way: session keys made ready for OpenSSL. For the files that implement relay_srtp.h, and their tests. */
#ifndef RELAY_SRTP_CONTEXT_H
#define RELAY_SRTP_CONTEXT_H

/* HMAC-SHA1 runs on two SHA1 states that have the key in them already: EVP_MAC of OpenSSL 3.0 allocates for each packet when it
 * starts again with the key it has. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "relay_srtp.h"

#define RELAY_SALT_BYTES 14
#define RELAY_AUTH_BYTES 20
#define RELAY_GCM_TAG 16

struct relay_session_keys {
    uint8_t cipher[32];
    uint8_t salt[RELAY_SALT_BYTES]; /* AEAD uses the first 12 */
    uint8_t auth[RELAY_AUTH_BYTES];
};

/* RTP's or RTCP's. */
struct relay_srtp_half {
    EVP_CIPHER_CTX *cipher;
    SHA_CTX inner, outer; /* HMAC-SHA1 after its key */
    uint8_t salt[RELAY_SALT_BYTES];
    uint8_t tag_bytes;
};

struct relay_srtp {
    bool aead;
    uint8_t mki_bytes;
    struct relay_srtp_half half[2]; /* RTP, RTCP */
};

/* Session keys of RTP or RTCP (RFC 3711 section 4.3.1, RFC 7714 section 11); false: out of memory. */
bool relay_srtp_derive(const struct relay_key *key, bool rtcp, struct relay_session_keys *session);
struct relay_srtp *relay_srtp_open_session(enum relay_suite suite, uint8_t mki_bytes, enum relay_way way,
                                           const struct relay_session_keys session[2]);

#endif
