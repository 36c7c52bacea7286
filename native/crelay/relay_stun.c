#include "relay_stun.h"

#include <openssl/crypto.h>
#include <string.h>

#include "relay_stun_hash.h"

enum attribute {
    USERNAME = 0x0006,
    MESSAGE_INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    UNKNOWN_ATTRIBUTES = 0x000a,
    XOR_MAPPED_ADDRESS = 0x0020,
    PRIORITY = 0x0024,
    USE_CANDIDATE = 0x0025,
    FINGERPRINT = 0x8028,
    ICE_CONTROLLED = 0x8029,
};

/* Others that must be understood, and that say nothing to a server of ICE (RFC 8489 section 18.3). */
static const uint16_t harmless[] = {0x0001, ERROR_CODE, UNKNOWN_ATTRIBUTES, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, XOR_MAPPED_ADDRESS};

#define COOKIE 0x2112a442u
#define COMPREHENSION_OPTIONAL 0x8000
#define ATTRIBUTE_HEADER 4
#define MAX_USERNAME 513 /* RFC 8445 section 7.1: two fragments of 256 */
#define SUCCESS 0x0100
#define FAILURE 0x0110

static uint16_t half_at(const uint8_t *data) { return (uint16_t)(data[0] << 8 | data[1]); }

static uint32_t word_at(const uint8_t *data) { return (uint32_t)half_at(data) << 16 | half_at(data + 2); }

static void put_half(uint8_t *data, uint16_t half)
{
    data[0] = (uint8_t)(half >> 8);
    data[1] = (uint8_t)half;
}

static void put_word(uint8_t *data, uint32_t word)
{
    put_half(data, (uint16_t)(word >> 16));
    put_half(data + 2, (uint16_t)word);
}

static bool is_harmless(uint16_t type)
{
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (harmless[i] == type)
            return true;
    return type >= COMPREHENSION_OPTIONAL;
}

/* One that stands before MESSAGE-INTEGRITY; of several of a kind the first counts (RFC 8489 section 14). */
static bool take(struct relay_stun *stun, uint16_t type, const uint8_t *value, size_t size)
{
    switch (type) {
    case USERNAME:
        if (size > MAX_USERNAME)
            return false;
        if (stun->username == NULL) {
            stun->username = value;
            stun->username_size = size;
        }
        return true;
    case MESSAGE_INTEGRITY:
        stun->integrity = (size_t)(value - stun->data) - ATTRIBUTE_HEADER;
        return size == RELAY_STUN_HMAC;
    case PRIORITY:
        if (size == 4)
            stun->priority = word_at(value);
        return size == 4;
    case USE_CANDIDATE:
        stun->nominates = true;
        return true;
    case ICE_CONTROLLED:
        stun->controlled = true;
        return true;
    default:
        if (!is_harmless(type) && stun->unknown_count < RELAY_STUN_UNKNOWN)
            stun->unknown[stun->unknown_count++] = type;
        return true;
    }
}

bool relay_stun_read(const uint8_t *data, size_t size, struct relay_stun *stun)
{
    *stun = (struct relay_stun){.data = data, .size = size, .type = half_at(data)};
    if (size % 4 != 0 || half_at(data + 2) != size - RELAY_STUN_HEADER)
        return false;
    for (size_t at = RELAY_STUN_HEADER; at < size;) {
        if (size - at < ATTRIBUTE_HEADER)
            return false;
        uint16_t type = half_at(data + at);
        size_t length = half_at(data + at + 2), whole = ATTRIBUTE_HEADER + (length + 3) / 4 * 4;
        const uint8_t *value = data + at + ATTRIBUTE_HEADER;
        if (whole > size - at)
            return false;
        if (type == FINGERPRINT) /* the last one */
            return length == 4 && at + whole == size && word_at(value) == relay_stun_crc(data, at);
        if (stun->integrity == 0 && !take(stun, type, value, length)) /* what follows that is not proven */
            return false;
        at += whole;
    }
    return true;
}

bool relay_stun_proves(const struct relay_stun *stun, const struct relay_stun_key *key)
{
    uint8_t hmac[RELAY_STUN_HMAC];
    if (stun->integrity == 0)
        return false;
    size_t end = stun->integrity + ATTRIBUTE_HEADER + RELAY_STUN_HMAC; /* which the length says that is under the sum */
    relay_stun_hmac(key, stun->data, stun->integrity, (uint16_t)(end - RELAY_STUN_HEADER), hmac);
    return CRYPTO_memcmp(hmac, stun->data + stun->integrity + ATTRIBUTE_HEADER, sizeof hmac) == 0;
}

bool relay_stun_names(const struct relay_stun *stun, const uint8_t *ours, size_t size, const uint8_t **theirs, size_t *theirs_size)
{
    if (stun->username == NULL || stun->username_size <= size || memcmp(stun->username, ours, size) != 0 || stun->username[size] != ':')
        return false;
    *theirs = stun->username + size + 1;
    *theirs_size = stun->username_size - size - 1;
    return true;
}

/* Writes the header of an answer; returns its size. */
static size_t begin(const struct relay_stun *stun, uint16_t class, uint8_t *out)
{
    put_half(out, (uint16_t)(stun->type | class));
    put_half(out + 2, 0);
    memcpy(out + 4, stun->data + 4, 4 + RELAY_STUN_TRANSACTION);
    return RELAY_STUN_HEADER;
}

static size_t put_head(uint8_t *out, size_t at, uint16_t type, size_t size)
{
    put_half(out + at, type);
    put_half(out + at + 2, (uint16_t)size);
    return at + ATTRIBUTE_HEADER;
}

/* Adds the sums. */
static size_t finish(uint8_t *out, size_t size, const struct relay_stun_key *key)
{
    if (key != NULL) {
        uint16_t length = (uint16_t)(size + ATTRIBUTE_HEADER + RELAY_STUN_HMAC - RELAY_STUN_HEADER);
        put_head(out, size, MESSAGE_INTEGRITY, RELAY_STUN_HMAC);
        relay_stun_hmac(key, out, size, length, out + size + ATTRIBUTE_HEADER);
        size += ATTRIBUTE_HEADER + RELAY_STUN_HMAC;
    }
    put_half(out + 2, (uint16_t)(size + ATTRIBUTE_HEADER + 4 - RELAY_STUN_HEADER));
    uint32_t crc = relay_stun_crc(out, size);
    put_word(out + put_head(out, size, FINGERPRINT, 4), crc);
    return size + ATTRIBUTE_HEADER + 4;
}

/* RFC 8489 section 14.2: port and host under the cookie, of IPv6 under the transaction too. */
static size_t put_mapped(uint8_t *out, size_t size, const union relay_address *source)
{
    const bool six = source->any.sa_family == AF_INET6;
    const uint8_t *host = six ? (const uint8_t *)&source->v6.sin6_addr : (const uint8_t *)&source->v4.sin_addr;
    const size_t bytes = six ? 16 : 4;
    size_t at = put_head(out, size, XOR_MAPPED_ADDRESS, 4 + bytes);
    out[at] = 0;
    out[at + 1] = six ? 2 : 1;
    put_half(out + at + 2, (uint16_t)(ntohs(source->v4.sin_port) ^ COOKIE >> 16)); /* it lies at the same offset in both families */
    for (size_t i = 0; i < bytes; i++)
        out[at + 4 + i] = host[i] ^ out[4 + i];
    return at + 4 + bytes;
}

size_t relay_stun_accept(const struct relay_stun *stun, const union relay_address *source, const struct relay_stun_key *key,
                         uint8_t out[RELAY_STUN_ANSWER])
{
    return finish(out, put_mapped(out, begin(stun, SUCCESS, out), source), key);
}

size_t relay_stun_refuse(const struct relay_stun *stun, enum relay_stun_code code, const struct relay_stun_key *key,
                         uint8_t out[RELAY_STUN_ANSWER])
{
    size_t at = put_head(out, begin(stun, FAILURE, out), ERROR_CODE, 4); /* without a phrase: it would make the answer longer */
    put_half(out + at, 0);
    out[at + 2] = (uint8_t)(code / 100);
    out[at + 3] = (uint8_t)(code % 100);
    at += 4;
    if (code == RELAY_STUN_UNKNOWN_ATTRIBUTE) {
        at = put_head(out, at, UNKNOWN_ATTRIBUTES, 2u * stun->unknown_count);
        for (int i = 0; i < stun->unknown_count; i++, at += 2)
            put_half(out + at, stun->unknown[i]);
        if (stun->unknown_count % 2 != 0) { /* to a whole word */
            put_half(out + at, 0);
            at += 2;
        }
    }
    return finish(out, at, key);
}
