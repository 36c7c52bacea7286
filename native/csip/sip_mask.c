#include "sip_mask.h"

enum { BLOCK = SIP_MAC_BYTES, TEXT_BLOCK = SIP_MAC_TEXT_SIZE, UNIT = SIP_MASK_BYTES / BLOCK };

/* One that no sealed text begins with stands before the nonce: a mask is the MAC of nothing else. */
static void mask(const uint8_t key[SIP_MAC_KEY_BYTES], const char nonce[SIP_MAC_TEXT_SIZE], size_t number, uint8_t block[BLOCK]) {
    char text[1 + SIP_MAC_TEXT_SIZE + SIP_DIGITS_MAX] = {'\0'};
    uint8_t hash[16];
    memcpy(text + 1, nonce, SIP_MAC_TEXT_SIZE);
    size_t size = 1 + SIP_MAC_TEXT_SIZE;
    size += sip_digits((uint32_t)number, text + size);
    sip_hash(key, (struct sip_slice){text, size}, hash);
    for (size_t i = 0; i < BLOCK; i++) block[i] ^= hash[i];
}

void sip_add_masked(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], const char nonce[SIP_MAC_TEXT_SIZE], struct sip_slice plain) {
    size_t count = (plain.size + SIP_MASK_BYTES - 1) / SIP_MASK_BYTES * UNIT;
    for (size_t i = 0; i < count; i++) {
        uint8_t block[BLOCK] = {0};
        char text[TEXT_BLOCK];
        size_t left = plain.size > i * BLOCK ? plain.size - i * BLOCK : 0;
        memcpy(block, plain.at + (left ? i * BLOCK : 0), left < BLOCK ? left : BLOCK);
        mask(key, nonce, i, block);
        sip_base64(block, BLOCK, text);
        sip_add(out, (struct sip_slice){text, TEXT_BLOCK});
    }
}

bool sip_add_unmasked(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], const char nonce[SIP_MAC_TEXT_SIZE], struct sip_slice masked) {
    size_t start = out->size;
    if (masked.size % (TEXT_BLOCK * UNIT)) return false;
    for (size_t i = 0; i < masked.size / TEXT_BLOCK; i++) {
        uint8_t block[BLOCK];
        if (!sip_unbase64(masked.at + i * TEXT_BLOCK, TEXT_BLOCK, block)) return false;
        mask(key, nonce, i, block);
        sip_add(out, (struct sip_slice){(const char *)block, BLOCK});
    }
    while (!out->failed && out->size > start && !out->at[out->size - 1]) out->size--;
    return true;
}
