#include "sip_mac.h"

#include <endian.h>

struct state {
    uint64_t a, b, c, d;
};

static inline uint64_t rotated(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static inline uint64_t little_endian(const uint8_t *at, size_t size) {
    uint64_t word = 0;
    memcpy(&word, at, size);
    return le64toh(word);
}

static inline void mix(struct state *s, int rounds) {
    while (rounds--) {
        s->a += s->b, s->b = rotated(s->b, 13) ^ s->a, s->a = rotated(s->a, 32);
        s->c += s->d, s->d = rotated(s->d, 16) ^ s->c;
        s->a += s->d, s->d = rotated(s->d, 21) ^ s->a;
        s->c += s->b, s->b = rotated(s->b, 17) ^ s->c, s->c = rotated(s->c, 32);
    }
}

static inline void absorb(struct state *s, uint64_t word) {
    s->d ^= word;
    mix(s, 2);
    s->a ^= word;
}

static void put_half(const struct state *s, uint8_t *out) {
    uint64_t half = htole64(s->a ^ s->b ^ s->c ^ s->d);
    memcpy(out, &half, sizeof half);
}

void sip_hash(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice text, uint8_t out[16]) {
    uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
    struct state s = {
        .a = k0 ^ 0x736f6d6570736575u,
        .b = k1 ^ 0x646f72616e646f6du ^ 0xee,
        .c = k0 ^ 0x6c7967656e657261u,
        .d = k1 ^ 0x7465646279746573u,
    };
    const uint8_t *at = (const uint8_t *)text.at;
    size_t left = text.size;
    for (; left >= 8; at += 8, left -= 8) absorb(&s, little_endian(at, 8));
    absorb(&s, little_endian(at, left) | (uint64_t)text.size << 56);
    s.c ^= 0xee;
    mix(&s, 4);
    put_half(&s, out);
    s.b ^= 0xdd;
    mix(&s, 4);
    put_half(&s, out + 8);
}

void sip_mac_text(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice text, char out[SIP_MAC_TEXT_SIZE]) {
    uint8_t hash[16];
    sip_hash(key, text, hash);
    sip_base64(hash, SIP_MAC_BYTES, out);
}

bool sip_mac_same(const char *a, const char *b) {
    int differences = 0;
    for (size_t i = 0; i < SIP_MAC_TEXT_SIZE; i++) differences |= a[i] ^ b[i];
    return !differences;
}

void sip_add_sealed(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice fields, struct sip_slice context) {
    char mac[SIP_MAC_TEXT_SIZE];
    size_t start = out->size;
    sip_add(out, fields);
    sip_add(out, SIP_TEXT("\n"));
    sip_add(out, context);
    if (out->failed) return;
    sip_mac_text(key, (struct sip_slice){out->at + start, out->size - start}, mac);
    out->size = start; /* the signed text has had its use */
    sip_add(out, (struct sip_slice){mac, SIP_MAC_TEXT_SIZE});
    sip_add(out, fields);
}

enum sip_error sip_unseal(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice sealed, struct sip_slice context,
    struct sip_slice *fields) {
    SIP_STACK_BUFFER(own);
    *fields = (struct sip_slice){NULL, 0};
    if (sealed.size < SIP_MAC_TEXT_SIZE) return SIP_OK;
    struct sip_slice claimed = {sealed.at + SIP_MAC_TEXT_SIZE, sealed.size - SIP_MAC_TEXT_SIZE};
    sip_add_sealed(&own, key, claimed, context);
    if (!own.failed && sip_mac_same(own.at, sealed.at)) *fields = claimed;
    sip_buffer_free(&own);
    return own.failed ? SIP_NO_MEMORY : SIP_OK;
}

void sip_add_branch(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], const struct sip_branch *branch) {
    char distinction[2 * SIP_DIGITS_MAX + 1], mac[SIP_MAC_TEXT_SIZE];
    struct sip_slice distinct = {distinction, sip_digits(branch->attempt, distinction)};
    distinction[distinct.size++] = '.';
    distinct.size += sip_digits(sip_crc32(branch->target), distinction + distinct.size);
    size_t start = out->size;
    sip_add(out, branch->identity);
    sip_add(out, SIP_TEXT("\n"));
    sip_add(out, distinct);
    if (out->failed) return;
    sip_mac_text(key, (struct sip_slice){out->at + start, out->size - start}, mac);
    out->size = start; /* the signed text has had its use */
    sip_add(out, branch->prefix);
    sip_add_number(out, sip_crc32(branch->call_id));
    sip_add(out, SIP_TEXT("."));
    sip_add(out, branch->key_id);
    sip_add(out, (struct sip_slice){mac, SIP_MAC_TEXT_SIZE});
    sip_add(out, distinct);
    sip_add(out, SIP_TEXT("."));
    sip_add(out, branch->loop);
}
