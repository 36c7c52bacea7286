/* Suites, session keys and contexts. */
#include "relay_srtp_context.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define ECB_LINES 9 /* that OpenSSL 3.0's cipher is long */
#define GCM_LINES 17

struct suite {
    const char *name;
    uint8_t key_bytes, salt_bytes;
    uint8_t tag_bytes; /* of RTP; RTCP's is 80 bits where it is HMAC (RFC 4568 section 6.2) */
    bool aead;
};

static const struct suite suites[RELAY_SUITES] = {
    [RELAY_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", 16, 14, 10, false},
    [RELAY_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", 16, 14, 4, false},
    [RELAY_AEAD_AES_128_GCM] = {"AEAD_AES_128_GCM", 16, 12, RELAY_GCM_TAG, true},
    [RELAY_AEAD_AES_256_GCM] = {"AEAD_AES_256_GCM", 32, 12, RELAY_GCM_TAG, true},
    [RELAY_AES_256_CM_HMAC_SHA1_80] = {"AES_256_CM_HMAC_SHA1_80", 32, 14, 10, false},
    [RELAY_AES_256_CM_HMAC_SHA1_32] = {"AES_256_CM_HMAC_SHA1_32", 32, 14, 4, false},
};

enum relay_suite relay_suite_named(const char *name)
{
    for (int suite = 1; suite < RELAY_SUITES; suite++)
        if (strcmp(suites[suite].name, name) == 0)
            return (enum relay_suite)suite;
    return RELAY_NO_SUITE;
}

size_t relay_suite_key_bytes(enum relay_suite suite) { return (size_t)suites[suite].key_bytes + suites[suite].salt_bytes; }

static const EVP_CIPHER *counter_mode(const struct suite *suite)
{
    return suite->key_bytes == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
}

static const EVP_CIPHER *cipher_of(const struct suite *suite)
{
    if (!suite->aead)
        return suite->key_bytes == 32 ? EVP_aes_256_ecb() : EVP_aes_128_ecb();
    return suite->key_bytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
}

/* AES-CM as a pseudo-random function: ``size`` bytes for a label (RFC 3711 section 4.3.3, RFC 6188 section 3); the key derivation
 * rate is 0. */
static bool derive(EVP_CIPHER_CTX *context, const struct suite *suite, const uint8_t *master, uint8_t label, uint8_t *out,
                   size_t size)
{
    uint8_t iv[16] = {0};
    int written;
    memcpy(iv, master + suite->key_bytes, suite->salt_bytes);
    iv[7] ^= label;
    memset(out, 0, size);
    return EVP_EncryptInit_ex(context, counter_mode(suite), NULL, master, iv) == 1 &&
           EVP_EncryptUpdate(context, out, &written, out, (int)size) == 1;
}

bool relay_srtp_derive(const struct relay_key *key, bool rtcp, struct relay_session_keys *session)
{
    const struct suite *suite = &suites[key->suite];
    const uint8_t first = rtcp ? 3 : 0; /* label */
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool derived = context != NULL && derive(context, suite, key->bytes, first, session->cipher, suite->key_bytes) &&
                   derive(context, suite, key->bytes, first + 1, session->auth, sizeof session->auth) &&
                   derive(context, suite, key->bytes, first + 2, session->salt, suite->salt_bytes);
    EVP_CIPHER_CTX_free(context);
    return derived;
}

/* A cipher with its key. Which way it goes is said with each packet, where that matters. */
static EVP_CIPHER_CTX *open_cipher(const struct suite *suite, const uint8_t *key)
{
    static const uint8_t iv[16]; /* GCM shows nothing of itself before it has one */
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher != NULL && EVP_EncryptInit_ex(cipher, cipher_of(suite), NULL, key, iv) == 1 &&
        (suite->aead || EVP_CIPHER_CTX_set_padding(cipher, 0) == 1))
        return cipher;
    EVP_CIPHER_CTX_free(cipher);
    return NULL;
}

/* RFC 2104: the state after the block of the key and ``pad``. */
static void start_hmac(struct relay_hash_start *start, const uint8_t *key, uint8_t pad)
{
    uint8_t block[RELAY_SHA1_BLOCK];
    SHA_CTX context;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (i < RELAY_AUTH_BYTES ? key[i] : 0) ^ pad;
    SHA1_Init(&context);
    SHA1_Update(&context, block, sizeof block);
    *start = (struct relay_hash_start){{context.h0, context.h1, context.h2, context.h3, context.h4}};
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&context, sizeof context);
}

struct relay_srtp *relay_srtp_open_session(enum relay_suite suite, uint8_t mki_bytes, const struct relay_session_keys session[2])
{
    struct relay_srtp *srtp = aligned_alloc(RELAY_LINE, sizeof *srtp);
    bool opened = true;
    if (srtp == NULL)
        return NULL;
    srtp->retired = NULL;
    for (int rtcp = 0; rtcp < 2; rtcp++) {
        struct relay_srtp_half *half = &srtp->half[rtcp];
        *half = (struct relay_srtp_half){.cipher = open_cipher(&suites[suite], session[rtcp].cipher), .mki_bytes = mki_bytes,
                                         .tag_bytes = rtcp && !suites[suite].aead ? 10 : suites[suite].tag_bytes};
        memcpy(half->salt, session[rtcp].salt, suites[suite].salt_bytes);
        start_hmac(&half->inner, session[rtcp].auth, 0x36);
        start_hmac(&half->outer, session[rtcp].auth, 0x5c);
        opened = opened && half->cipher != NULL;
    }
    if (opened)
        return srtp;
    relay_srtp_close(srtp);
    return NULL;
}

struct relay_srtp *relay_srtp_open(const struct relay_key *key)
{
    struct relay_session_keys session[2] = {0};
    struct relay_srtp *srtp = NULL;
    if (relay_srtp_derive(key, false, &session[0]) && relay_srtp_derive(key, true, &session[1]))
        srtp = relay_srtp_open_session((enum relay_suite)key->suite, key->mki_bytes, session);
    OPENSSL_cleanse(session, sizeof session);
    return srtp;
}

void relay_srtp_close(struct relay_srtp *srtp)
{
    if (srtp == NULL)
        return;
    for (int rtcp = 0; rtcp < 2; rtcp++)
        EVP_CIPHER_CTX_free(srtp->half[rtcp].cipher); /* which wipes it */
    OPENSSL_cleanse(srtp, sizeof *srtp);
    free(srtp);
}

void relay_srtp_remember(struct relay_srtp *srtp, struct relay_retired *retired) { srtp->retired = retired; }

/* A wrong guess of how OpenSSL lays its memory out would cost time and nothing else. */
struct relay_srtp_reach relay_srtp_reach(const struct relay_srtp *srtp)
{
    const struct relay_srtp_half *half = &srtp->half[0];
    void *inside = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_octet_ptr(OSSL_CIPHER_PARAM_UPDATED_IV, &inside, EVP_MAX_IV_LENGTH), OSSL_PARAM_END};
    bool shown = EVP_CIPHER_CTX_get_params(half->cipher, params) == 1 && inside != NULL;
    size_t lines = relay_srtp_aead(half) ? GCM_LINES : ECB_LINES;
    return (struct relay_srtp_reach){(const uint8_t *)half->cipher, inside, shown ? lines : 0};
}
