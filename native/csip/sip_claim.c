#include "sip_claim.h"

#include <openssl/crypto.h>

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

typedef size_t (*hash_text)(enum sip_claim_hash, struct sip_slice, char[SIP_CLAIM_HEX_MAX]);

/* Of the parts with ":" between them; 0 without memory for so long a text. */
static size_t hash_joined(
    hash_text hash, enum sip_claim_hash kind, const struct sip_slice *parts, size_t count, char out[SIP_CLAIM_HEX_MAX]) {
    SIP_STACK_BUFFER(text);
    for (size_t i = 0; i < count; i++) {
        if (i) sip_add(&text, SIP_TEXT(":"));
        sip_add(&text, parts[i]);
    }
    size_t size = text.failed ? 0 : hash(kind, (struct sip_slice){text.at, text.size}, out);
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
    enum sip_claim_hash kind = sip_claim_hash(claim);
    char entity[SIP_CLAIM_HEX_MAX], ha2[SIP_CLAIM_HEX_MAX], expected[SIP_CLAIM_HEX_MAX];
    if (kind == SIP_CLAIM_HASHES || sip_claim_fault(claim)) return 0;
    bool covers_body = sip_same_nocase(fields[SIP_CLAIM_QOP], SIP_TEXT("auth-int"));
    struct sip_slice of_body = {entity, covers_body ? sip_hash_hex(kind, body, entity) : 0};
    struct sip_slice request[] = {method, fields[SIP_CLAIM_URI], of_body};
    struct sip_slice of_request = {ha2, hash_joined(sip_hash_again, kind, request, covers_body ? 3 : 2, ha2)};
    struct sip_slice parts[] = {ha1, fields[SIP_CLAIM_NONCE], fields[SIP_CLAIM_NC], fields[SIP_CLAIM_CNONCE],
                                fields[SIP_CLAIM_QOP], of_request};
    size_t size = hash_joined(sip_hash_hex, kind, parts, 6, expected);
    if (!size || !of_request.size) return -1;
    return same_hex(fields[SIP_CLAIM_RESPONSE], expected, size);
}
