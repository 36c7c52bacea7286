#include "sip_claim.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "sip_buffer.h"
#include "sip_chars.h"

static const struct sip_slice names[SIP_CLAIM_FIELDS] = {
    {"username", 8}, {"username*", 9}, {"realm", 5}, {"nonce", 5}, {"uri", 3},
    {"response", 8}, {"algorithm", 9}, {"cnonce", 6}, {"qop", 3}, {"nc", 2},
};

/* --- reading --- */

static enum sip_error keep(struct sip_claim *claim, struct sip_param param) {
    char *at = (char *)param.value.at; /* of the caller's text */
    struct sip_slice value = param.value;
    if (*at == '"') value = (struct sip_slice){at, sip_unquote(param.value, at)};
    if (value.size > claim->longest) claim->longest = value.size;
    claim->count++;
    size_t i = 0;
    while (i < SIP_CLAIM_FIELDS && !sip_same_nocase(param.name, names[i])) i++;
    if (i == SIP_CLAIM_FIELDS) return SIP_OK;
    if (claim->fields[i].at) return SIP_REPEATED;
    claim->fields[i] = value;
    return SIP_OK;
}

enum sip_error sip_claim_read(char *text, size_t size, struct sip_claim *claim) {
    struct sip_slice rest = {text, size};
    struct sip_param param;
    bool found;
    memset(claim, 0, sizeof *claim);
    for (;;) {
        enum sip_error error = sip_digest_next(&rest, &param, &found);
        if (error == SIP_OK && found) error = keep(claim, param);
        if (error != SIP_OK || !found) return error;
    }
}

uint32_t sip_claim_use_count(const struct sip_claim *claim) {
    struct sip_slice nc = claim->fields[SIP_CLAIM_NC];
    uint32_t count;
    return nc.size == 8 && sip_hex(nc, &count) ? count : 0;
}

const char *sip_claim_fault(const struct sip_claim *claim) {
    static const struct {
        enum sip_claim_field field;
        const char *fault;
    } required[] = {
        {SIP_CLAIM_NONCE, "digest without nonce"},   {SIP_CLAIM_URI, "digest without uri"}, {SIP_CLAIM_RESPONSE, "digest without response"},
        {SIP_CLAIM_CNONCE, "digest without cnonce"}, {SIP_CLAIM_NC, "digest without nc"},   {SIP_CLAIM_QOP, "digest without qop"},
    };
    const struct sip_slice *fields = claim->fields, qop = fields[SIP_CLAIM_QOP];
    if (claim->longest > SIP_CLAIM_MAX_VALUE) return "digest parameter too long";
    if (!fields[SIP_CLAIM_USERNAME].at && !fields[SIP_CLAIM_EXTENDED_USERNAME].at) return "digest without username";
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!fields[required[i].field].at) return required[i].fault;
    if (!sip_same_nocase(qop, SIP_TEXT("auth")) && !sip_same_nocase(qop, SIP_TEXT("auth-int"))) return "digest qop is not auth";
    return sip_claim_use_count(claim) ? NULL : "digest nc is not 8 hex digits above 0";
}

enum sip_claim_hash sip_claim_hash(const struct sip_claim *claim) {
    struct sip_slice name = claim->fields[SIP_CLAIM_ALGORITHM];
    if (!name.at || sip_same_nocase(name, SIP_TEXT("MD5"))) return SIP_CLAIM_MD5;
    return sip_same_nocase(name, SIP_TEXT("SHA-256")) ? SIP_CLAIM_SHA_256 : SIP_CLAIM_HASHES;
}

const char *sip_claim_hash_name(enum sip_claim_hash hash) {
    static const char *const names[] = {"MD5", "SHA-256", ""};
    return names[hash];
}

/* --- checking --- */

#define LAST_BYTES 128

struct hasher {
    EVP_MD *kind;
    EVP_MD_CTX *context;
    char last[LAST_BYTES]; /* method and URI that were hashed before, which all REGISTERs of a domain have in common */
    char last_hex[SIP_CLAIM_HEX_MAX];
    size_t last_size, last_hex_size;
};

/* Made once and kept: to fetch an algorithm costs more than to use it. MD5 is no choice of ours (RFC 7616), so a provider for
 * approved algorithms alone is passed by. One thread only. */
static struct hasher *hasher_of(enum sip_claim_hash hash) {
    static struct hasher made[SIP_CLAIM_HASHES];
    static const char *const known[] = {"MD5", "SHA2-256"};
    struct hasher *hasher = &made[hash];
    if (!hasher->kind) hasher->kind = EVP_MD_fetch(NULL, known[hash], "-fips");
    if (!hasher->context) hasher->context = EVP_MD_CTX_new();
    return hasher->kind && hasher->context ? hasher : NULL;
}

/* The hash as lower-case hex digits; their number, 0 when that failed. */
static size_t hash_of(struct hasher *hasher, struct sip_slice text, char out[SIP_CLAIM_HEX_MAX]) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size;
    if (!hasher || EVP_DigestInit_ex(hasher->context, hasher->kind, NULL) != 1) return 0;
    if (EVP_DigestUpdate(hasher->context, text.at, text.size) != 1 || EVP_DigestFinal_ex(hasher->context, hash, &size) != 1) return 0;
    for (unsigned i = 0; i < size; i++) {
        out[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    return 2 * (size_t)size;
}

/* The same unless it is what was hashed before. */
static size_t hash_again(struct hasher *hasher, struct sip_slice text, char out[SIP_CLAIM_HEX_MAX]) {
    if (!hasher || text.size > LAST_BYTES) return hash_of(hasher, text, out);
    if (!hasher->last_hex_size || !sip_same(text, (struct sip_slice){hasher->last, hasher->last_size})) {
        hasher->last_hex_size = hash_of(hasher, text, hasher->last_hex);
        memcpy(hasher->last, text.at, text.size);
        hasher->last_size = text.size;
    }
    memcpy(out, hasher->last_hex, hasher->last_hex_size);
    return hasher->last_hex_size;
}

typedef size_t (*hash_text)(struct hasher *, struct sip_slice, char[SIP_CLAIM_HEX_MAX]);

/* Of the parts with ":" between them: to put them together costs less than to hash them one by one. */
static size_t hash_joined(
    hash_text hash, struct hasher *hasher, const struct sip_slice *parts, size_t count, char out[SIP_CLAIM_HEX_MAX]) {
    SIP_STACK_BUFFER(text);
    for (size_t i = 0; i < count; i++) {
        if (i) sip_add(&text, SIP_TEXT(":"));
        sip_add(&text, parts[i]);
    }
    size_t size = text.failed ? 0 : hash(hasher, (struct sip_slice){text.at, text.size}, out);
    sip_buffer_free(&text);
    return size;
}

static bool same_hex(struct sip_slice response, const char *expected, size_t size) {
    char given[SIP_CLAIM_HEX_MAX];
    if (response.size != size) return false;
    for (size_t i = 0; i < size; i++) given[i] = sip_lower(response.at[i]);
    return CRYPTO_memcmp(given, expected, size) == 0;
}

int sip_claim_matches(const struct sip_claim *claim, struct sip_slice ha1, struct sip_slice method, struct sip_slice body) {
    const struct sip_slice *fields = claim->fields;
    enum sip_claim_hash hash = sip_claim_hash(claim);
    char entity[SIP_CLAIM_HEX_MAX], ha2[SIP_CLAIM_HEX_MAX], expected[SIP_CLAIM_HEX_MAX];
    if (hash == SIP_CLAIM_HASHES || sip_claim_fault(claim)) return 0;
    struct hasher *hasher = hasher_of(hash);
    bool covers_body = sip_same_nocase(fields[SIP_CLAIM_QOP], SIP_TEXT("auth-int"));
    struct sip_slice of_body = {entity, covers_body ? hash_of(hasher, body, entity) : 0};
    struct sip_slice request[] = {method, fields[SIP_CLAIM_URI], of_body};
    struct sip_slice of_request = {ha2, hash_joined(hash_again, hasher, request, covers_body ? 3 : 2, ha2)};
    struct sip_slice parts[] = {ha1, fields[SIP_CLAIM_NONCE], fields[SIP_CLAIM_NC], fields[SIP_CLAIM_CNONCE],
                                fields[SIP_CLAIM_QOP], of_request};
    size_t size = hash_joined(hash_of, hasher, parts, 6, expected);
    if (!size || !of_request.size || (covers_body && !of_body.size)) {
        ERR_clear_error(); /* what OpenSSL has to say of it keeps memory */
        return -1;
    }
    return same_hex(fields[SIP_CLAIM_RESPONSE], expected, size);
}
