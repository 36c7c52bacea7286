#include "sip_hasher.h"

/* OpenSSL would rather have us use EVP, which costs more than the hash itself of texts as short as these. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

_Static_assert(SIP_CLAIM_HEX_MAX == 2 * SHA256_DIGEST_LENGTH, "room for the longest");

static size_t hash_bytes(enum sip_claim_hash hash, struct sip_slice text, unsigned char out[SHA256_DIGEST_LENGTH]) {
    if (hash == SIP_CLAIM_MD5) {
        MD5_CTX md5;
        MD5_Init(&md5);
        MD5_Update(&md5, text.at, text.size);
        MD5_Final(out, &md5);
        return MD5_DIGEST_LENGTH;
    }
    SHA256_CTX sha256;
    SHA256_Init(&sha256);
    SHA256_Update(&sha256, text.at, text.size);
    SHA256_Final(out, &sha256);
    return SHA256_DIGEST_LENGTH;
}

size_t sip_hash_hex(enum sip_claim_hash hash, struct sip_slice text, char out[SIP_CLAIM_HEX_MAX]) {
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    size_t size = hash_bytes(hash, text, bytes);
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return 2 * size;
}

#define LAST_BYTES 128

struct hashed {
    char text[LAST_BYTES], hex[SIP_CLAIM_HEX_MAX];
    size_t text_size, hex_size;
};

size_t sip_hash_again(enum sip_claim_hash hash, struct sip_slice text, char out[SIP_CLAIM_HEX_MAX]) {
    static struct hashed kept[SIP_CLAIM_HASHES];
    struct hashed *last = &kept[hash];
    if (text.size > LAST_BYTES) return sip_hash_hex(hash, text, out);
    if (!last->hex_size || !sip_same(text, (struct sip_slice){last->text, last->text_size})) {
        last->hex_size = sip_hash_hex(hash, text, last->hex);
        memcpy(last->text, text.at, text.size);
        last->text_size = text.size;
    }
    memcpy(out, last->hex, last->hex_size);
    return last->hex_size;
}
