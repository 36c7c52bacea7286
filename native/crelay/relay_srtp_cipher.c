/* Counter mode, HMAC and AEAD over a packet in place. What is cheap where all is warm is not so here: a relay thread comes to each
 * packet from the kernel, with its caches full of that. So a packet runs through as little of OpenSSL as can be. */
#include "relay_srtp_context.h" /* first: it chooses what OpenSSL declares */

#include <arpa/inet.h>
#include <string.h>

#define AES_BLOCK 16
#define STREAM_BLOCKS 32 /* of key stream made at once */
#define COUNT_BYTES 8    /* of SHA-1's bit count */

static void put_word(uint8_t *data, uint32_t word)
{
    word = htonl(word);
    memcpy(data, &word, sizeof word);
}

/* Block counters from ``first`` on behind what is the same in all of them. */
static void put_counters(uint8_t *stream, const uint8_t iv[AES_BLOCK - 2], size_t first, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++, stream += AES_BLOCK) {
        memcpy(stream, iv, AES_BLOCK - 2);
        stream[AES_BLOCK - 2] = (uint8_t)((first + i) >> 8);
        stream[AES_BLOCK - 1] = (uint8_t)(first + i);
    }
}

static void add(uint8_t *body, const uint8_t *stream, size_t size)
{
    uint64_t word, other;
    for (; size >= sizeof word; size -= sizeof word, body += sizeof word, stream += sizeof word) {
        memcpy(&word, body, sizeof word);
        memcpy(&other, stream, sizeof other);
        word ^= other;
        memcpy(body, &word, sizeof word);
    }
    for (size_t i = 0; i < size; i++)
        body[i] ^= stream[i];
}

/* Counters of our own under ECB: to give OpenSSL's counter mode another IV costs more than all the rest of it. */
bool relay_counter_mode(const struct relay_pass *pass)
{
    uint8_t iv[AES_BLOCK - 2], stream[STREAM_BLOCKS * AES_BLOCK], *body = pass->data + pass->header;
    int written;
    memcpy(iv, pass->half->salt, sizeof iv);
    for (int i = 0; i < 4; i++)
        iv[4 + i] ^= (uint8_t)(pass->ssrc >> (24 - 8 * i));
    for (int i = 0; i < 6; i++)
        iv[8 + i] ^= (uint8_t)(pass->index >> (40 - 8 * i));
    size_t left = pass->clear ? 0 : pass->end - pass->header;
    for (size_t first = 0; left > 0; first += STREAM_BLOCKS) {
        size_t size = left < sizeof stream ? left : sizeof stream, blocks = (size + AES_BLOCK - 1) / AES_BLOCK;
        put_counters(stream, iv, first, blocks);
        if (EVP_EncryptUpdate(pass->half->cipher, stream, &written, stream, (int)(blocks * AES_BLOCK)) != 1)
            return false;
        add(body, stream, size);
        body += size;
        left -= size;
    }
    return true;
}

/* Ends a message whose SHA-1 began with the block of a key, as RFC 3174 section 4 pads it. Returns its blocks. */
static size_t pad(uint8_t *message, size_t size)
{
    size_t blocks = (size + 1 + COUNT_BYTES + RELAY_SHA1_BLOCK - 1) / RELAY_SHA1_BLOCK;
    message[size] = 0x80;
    memset(message + size + 1, 0, blocks * RELAY_SHA1_BLOCK - size - 1);
    put_word(message + blocks * RELAY_SHA1_BLOCK - 4, (uint32_t)(8 * (RELAY_SHA1_BLOCK + size)));
    return blocks;
}

/* Whole blocks from where ``start`` left off: all of them in one go, since SHA-1 takes two at a time where there is AVX2. */
static void hash(const struct relay_hash_start *start, const uint8_t *data, size_t blocks, uint8_t digest[RELAY_AUTH_BYTES])
{
    SHA_CTX context = {.h0 = start->word[0], .h1 = start->word[1], .h2 = start->word[2], .h3 = start->word[3], .h4 = start->word[4]};
    SHA1_Update(&context, data, blocks * RELAY_SHA1_BLOCK);
    put_word(digest, context.h0);
    put_word(digest + 4, context.h1);
    put_word(digest + 8, context.h2);
    put_word(digest + 12, context.h3);
    put_word(digest + 16, context.h4);
}

void relay_hmac(const struct relay_pass *pass, size_t size, uint8_t tag[RELAY_AUTH_BYTES])
{
    uint8_t outer[RELAY_SHA1_BLOCK];
    if (!pass->rtcp) {
        put_word(pass->data + size, (uint32_t)(pass->index >> 16));
        size += 4;
    }
    hash(&pass->half->inner, pass->data, pad(pass->data, size), outer);
    hash(&pass->half->outer, outer, pad(outer, RELAY_AUTH_BYTES), tag);
}

/* RFC 7714 sections 8.1 and 9.1 */
static void aead_iv(const struct relay_pass *pass, uint8_t iv[12])
{
    memset(iv, 0, 12);
    put_word(iv + 2, pass->ssrc);
    if (pass->rtcp) {
        put_word(iv + 8, (uint32_t)pass->index);
    } else {
        put_word(iv + 6, (uint32_t)(pass->index >> 16));
        iv[10] = (uint8_t)(pass->index >> 8);
        iv[11] = (uint8_t)pass->index;
    }
    for (int i = 0; i < 12; i++)
        iv[i] ^= pass->half->salt[i];
}

/* All but the tag: IV, associated data (RFC 7714 sections 8.2, 9.2 and 9.3), body. */
static bool aead(const struct relay_pass *pass)
{
    EVP_CIPHER_CTX *cipher = pass->half->cipher;
    uint8_t iv[12], *body = pass->data + pass->header;
    int written;
    aead_iv(pass, iv);
    if (EVP_CipherInit_ex(cipher, NULL, NULL, NULL, iv, pass->sealing) != 1 ||
        EVP_CipherUpdate(cipher, NULL, &written, pass->data, (int)(pass->clear ? pass->end : pass->header)) != 1)
        return false;
    if (pass->rtcp && EVP_CipherUpdate(cipher, NULL, &written, pass->word, sizeof pass->word) != 1)
        return false;
    return pass->clear || pass->end == pass->header ||
           EVP_CipherUpdate(cipher, body, &written, body, (int)(pass->end - pass->header)) == 1;
}

bool relay_aead_seal(const struct relay_pass *pass, uint8_t tag[RELAY_GCM_TAG])
{
    int written;
    return aead(pass) && EVP_EncryptFinal_ex(pass->half->cipher, tag, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(pass->half->cipher, EVP_CTRL_AEAD_GET_TAG, RELAY_GCM_TAG, tag) == 1;
}

bool relay_aead_open(const struct relay_pass *pass, const uint8_t tag[RELAY_GCM_TAG])
{
    uint8_t none[RELAY_GCM_TAG];
    int written;
    return aead(pass) &&
           EVP_CIPHER_CTX_ctrl(pass->half->cipher, EVP_CTRL_AEAD_SET_TAG, RELAY_GCM_TAG, (void *)(uintptr_t)tag) == 1 &&
           EVP_DecryptFinal_ex(pass->half->cipher, none, &written) == 1;
}
