/* The context of one way and its cipher steps. For the files that implement relay_srtp.h, and their tests. */
#ifndef RELAY_SRTP_CONTEXT_H
#define RELAY_SRTP_CONTEXT_H

/* HMAC-SHA1 runs on two SHA-1 states that have the key in them already: EVP_MAC of OpenSSL 3.0 allocates for each packet when
 * it starts again with the key it has. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "relay_srtp.h"

#define RELAY_SALT_BYTES 14
#define RELAY_AUTH_BYTES 20
#define RELAY_SHA1_BLOCK 64
#define RELAY_GCM_TAG 16
#define RELAY_RTCP_INDEX_BYTES 4

struct relay_session_keys {
    uint8_t cipher[32];
    uint8_t salt[RELAY_SALT_BYTES]; /* AEAD uses the first 12 */
    uint8_t auth[RELAY_AUTH_BYTES];
};

/* The state of SHA-1 after one block. */
struct relay_hash_start {
    uint32_t word[5];
};

/* RTP's or RTCP's, but for the cipher one line. */
struct relay_srtp_half {
    _Alignas(RELAY_LINE) EVP_CIPHER_CTX *cipher; /* with its key: ECB for counter mode, or GCM */
    uint8_t salt[RELAY_SALT_BYTES];
    uint8_t tag_bytes; /* RELAY_GCM_TAG: AEAD */
    uint8_t mki_bytes;
    struct relay_hash_start inner, outer; /* HMAC-SHA1 after its key */
};

struct relay_srtp {
    struct relay_srtp_half half[2]; /* RTP, RTCP */
    struct relay_retired *retired;  /* the table's; NULL: none is remembered */
};

_Static_assert(sizeof(struct relay_srtp_half) == RELAY_LINE, "what a packet needs beside its cipher is one line");

/* A packet on its way through the cipher. */
struct relay_pass {
    const struct relay_srtp_half *half;
    bool sealing;
    bool rtcp;
    bool clear; /* SRTCP without its E bit */
    uint8_t *data;
    size_t header; /* not encrypted */
    size_t end;    /* of what is encrypted, without tag and index */
    uint32_t ssrc;
    uint64_t index;
    uint8_t word[RELAY_RTCP_INDEX_BYTES]; /* SRTCP: E and index, as on the wire */
};

/* AES in counter mode, over all between header and end (RFC 3711 section 4.1.1). False: OpenSSL refused, here and below. */
bool relay_counter_mode(const struct relay_pass *pass);

/* HMAC-SHA1 of the first ``size`` bytes, RTCP's index among them, and of RTP's rollover counter (RFC 3711 section 4.2.1). Writes to
 * the RELAY_SRTP_ROOM bytes after those. */
void relay_hmac(const struct relay_pass *pass, size_t size, uint8_t tag[RELAY_AUTH_BYTES]);

/* AEAD (RFC 7714): ``tag`` is put out, or checked. */
bool relay_aead_seal(const struct relay_pass *pass, uint8_t tag[RELAY_GCM_TAG]);
bool relay_aead_open(const struct relay_pass *pass, const uint8_t tag[RELAY_GCM_TAG]);

static inline bool relay_srtp_aead(const struct relay_srtp_half *half) { return half->tag_bytes == RELAY_GCM_TAG; }

/* Session keys of RTP or RTCP (RFC 3711 section 4.3.1, RFC 7714 section 11); false: out of memory. */
bool relay_srtp_derive(const struct relay_key *key, bool rtcp, struct relay_session_keys *session);
struct relay_srtp *relay_srtp_open_session(enum relay_suite suite, uint8_t mki_bytes, const struct relay_session_keys session[2]);

#endif
