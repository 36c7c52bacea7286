#include "sip_base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sip_base64(const uint8_t *bytes, size_t size, char *out) {
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int bits = 18; bits >= 0; bits -= 6) *out++ = alphabet[three >> bits & 63];
    }
}

bool sip_unbase64(const char *text, size_t size, uint8_t *out) {
    uint32_t three = 0;
    for (size_t i = 0; i < size; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at) return false;
        three = three << 6 | (uint32_t)(at - alphabet);
        if (i % 4 != 3) continue;
        for (int bits = 16; bits >= 0; bits -= 8) *out++ = (uint8_t)(three >> bits);
    }
    return true;
}
