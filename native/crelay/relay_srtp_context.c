/* Suites, ciphers, session keys and contexts. */
#include "relay_srtp_context.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

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
        return counter_mode(suite);
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

static EVP_CIPHER_CTX *open_cipher(const struct suite *suite, int encrypt)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher != NULL && EVP_CipherInit_ex(cipher, cipher_of(suite), NULL, NULL, NULL, encrypt) == 1)
        return cipher;
    EVP_CIPHER_CTX_free(cipher);
    return NULL;
}

struct relay_engine *relay_engine_open(void)
{
    struct relay_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    for (int suite = 1; suite < RELAY_SUITES; suite++) {
        engine->seal[suite] = open_cipher(&suites[suite], 1);
        engine->open[suite] = suites[suite].aead ? open_cipher(&suites[suite], 0) : engine->seal[suite];
        if (engine->seal[suite] == NULL || engine->open[suite] == NULL) {
            relay_engine_close(engine);
            return NULL;
        }
    }
    return engine;
}

void relay_engine_close(struct relay_engine *engine)
{
    if (engine == NULL)
        return;
    for (int suite = 1; suite < RELAY_SUITES; suite++) {
        if (engine->open[suite] != engine->seal[suite])
            EVP_CIPHER_CTX_free(engine->open[suite]);
        EVP_CIPHER_CTX_free(engine->seal[suite]);
    }
    free(engine);
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

struct relay_srtp *relay_srtp_open_session(struct relay_engine *engine, enum relay_suite suite, uint8_t mki_bytes,
                                           const struct relay_session_keys session[2])
{
    struct relay_srtp *srtp = aligned_alloc(RELAY_LINE, sizeof *srtp);
    if (srtp == NULL)
        return NULL;
    for (int rtcp = 0; rtcp < 2; rtcp++) {
        struct relay_srtp_half *half = &srtp->half[rtcp];
        *half = (struct relay_srtp_half){.seal = engine->seal[suite], .open = engine->open[suite], .mki_bytes = mki_bytes,
                                         .tag_bytes = rtcp && !suites[suite].aead ? 10 : suites[suite].tag_bytes};
        memcpy(half->cipher, session[rtcp].cipher, suites[suite].key_bytes);
        memcpy(half->salt, session[rtcp].salt, suites[suite].salt_bytes);
        start_hmac(&half->inner, session[rtcp].auth, 0x36);
        start_hmac(&half->outer, session[rtcp].auth, 0x5c);
    }
    return srtp;
}

struct relay_srtp *relay_srtp_open(struct relay_engine *engine, const struct relay_key *key)
{
    struct relay_session_keys session[2] = {0};
    struct relay_srtp *srtp = NULL;
    if (relay_srtp_derive(key, false, &session[0]) && relay_srtp_derive(key, true, &session[1]))
        srtp = relay_srtp_open_session(engine, (enum relay_suite)key->suite, key->mki_bytes, session);
    OPENSSL_cleanse(session, sizeof session);
    return srtp;
}

void relay_srtp_close(struct relay_srtp *srtp)
{
    if (srtp == NULL)
        return;
    OPENSSL_cleanse(srtp, sizeof *srtp);
    free(srtp);
}
