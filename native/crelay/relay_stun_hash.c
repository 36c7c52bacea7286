/* HMAC-SHA1 by OpenSSL's SHA-1 alone, since EVP_MAC allocates, and CRC-32. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "relay_stun_hash.h"

#define BLOCK 64
#define FINGERPRINT_XOR 0x5354554eu

/* RFC 2104: SHA-1 behind the block of the key and ``pad``. */
static void begin(SHA_CTX *context, const struct relay_stun_key *key, uint8_t pad)
{
    uint8_t block[BLOCK];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (i < key->size ? key->bytes[i] : 0) ^ pad;
    SHA1_Init(context);
    SHA1_Update(context, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

void relay_stun_hmac(const struct relay_stun_key *key, const uint8_t *data, size_t size, uint16_t length, uint8_t hmac[RELAY_STUN_HMAC])
{
    const uint8_t head[4] = {data[0], data[1], (uint8_t)(length >> 8), (uint8_t)length};
    SHA_CTX context;
    begin(&context, key, 0x36);
    SHA1_Update(&context, head, sizeof head);
    SHA1_Update(&context, data + sizeof head, size - sizeof head);
    SHA1_Final(hmac, &context);
    begin(&context, key, 0x5c);
    SHA1_Update(&context, hmac, RELAY_STUN_HMAC);
    SHA1_Final(hmac, &context);
    OPENSSL_cleanse(&context, sizeof context);
}

uint32_t relay_stun_crc(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0 - (crc & 1)));
    }
    return ~crc ^ FINGERPRINT_XOR;
}
