/* Binding requests as a full agent makes them, for the C tests. */
#ifndef STUN_REQUEST_H
#define STUN_REQUEST_H

#include <string.h>

#include "relay_stun_hash.h"

struct request {
    const char *username; /* NULL: none */
    const char *password; /* NULL: no MESSAGE-INTEGRITY */
    uint32_t priority;
    bool nominates;
    bool controlled;
    uint16_t extra;      /* an empty attribute of that type; 0: none */
    uint8_t transaction; /* its first byte */
    bool fingerprint;
};

static inline size_t put_attribute(uint8_t *out, size_t at, uint16_t type, const void *value, size_t size)
{
    const uint8_t head[] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(size >> 8), (uint8_t)size};
    memcpy(out + at, head, sizeof head);
    memset(out + at + 4, 0, (size + 3) / 4 * 4);
    if (size > 0)
        memcpy(out + at + 4, value, size);
    return at + 4 + (size + 3) / 4 * 4;
}

static inline void put_length(uint8_t *out, size_t size)
{
    out[2] = (uint8_t)((size - RELAY_STUN_HEADER) >> 8);
    out[3] = (uint8_t)(size - RELAY_STUN_HEADER);
}

static inline void put_big(uint8_t out[4], uint32_t word)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(word >> (24 - 8 * i));
}

static inline size_t make_request(const struct request *request, uint8_t out[1024])
{
    static const uint8_t head[RELAY_STUN_HEADER] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    uint8_t word[4];
    size_t at = sizeof head;
    memcpy(out, head, sizeof head);
    out[8] = request->transaction;
    if (request->username != NULL)
        at = put_attribute(out, at, 0x0006, request->username, strlen(request->username));
    put_big(word, request->priority);
    at = put_attribute(out, at, 0x0024, word, sizeof word);
    if (request->nominates)
        at = put_attribute(out, at, 0x0025, NULL, 0);
    at = put_attribute(out, at, request->controlled ? 0x8029 : 0x802a, "12345678", 8);
    if (request->extra != 0)
        at = put_attribute(out, at, request->extra, NULL, 0);
    if (request->password != NULL) {
        const struct relay_stun_key key = {(const uint8_t *)request->password, strlen(request->password)};
        uint8_t hmac[RELAY_STUN_HMAC];
        relay_stun_hmac(&key, out, at, (uint16_t)(at + 24 - RELAY_STUN_HEADER), hmac);
        at = put_attribute(out, at, 0x0008, hmac, sizeof hmac);
    }
    if (request->fingerprint) {
        put_length(out, at + 8);
        put_big(word, relay_stun_crc(out, at));
        at = put_attribute(out, at, 0x8028, word, sizeof word);
    }
    put_length(out, at);
    return at;
}

#endif
