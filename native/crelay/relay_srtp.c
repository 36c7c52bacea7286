/* Packets protected and unprotected. On the wire: RTP | tag, RTCP | index | tag. With HMAC the MKI stands before the tag
 * (RFC 3711 figures 1 and 2); with AEAD the tag ends the ciphertext and the MKI comes last (RFC 7714 figures 1 and 2). */
#include "relay_srtp_context.h" /* first: it chooses what OpenSSL declares */

#include <openssl/crypto.h>
#include <string.h>

#include "relay_rtp.h"
#include "relay_srtp_index.h"

#define ENCRYPTED 0x80000000u /* RFC 3711 section 3.4: the E bit before the SRTCP index */
#define RTCP_INDEX_BYTES 4
#define SHA1_BYTES 20

/* A packet on its way through the cipher. */
struct pass {
    const struct relay_srtp_half *half;
    EVP_CIPHER_CTX *cipher;
    bool rtcp;
    bool clear; /* SRTCP without its E bit */
    uint8_t *data;
    size_t header; /* not encrypted */
    size_t end;    /* of what is encrypted, without tag and index */
    uint32_t ssrc;
    uint64_t index;
    uint8_t word[RTCP_INDEX_BYTES]; /* SRTCP: E and index, as on the wire */
};

static void put_word(uint8_t *data, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        data[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* relay_classify has seen that CSRC list and extension fit. */
static size_t rtp_header(const uint8_t *data)
{
    size_t size = RELAY_RTP_HEADER + 4 * (size_t)(data[0] & 0x0f);
    if ((data[0] & 0x10) != 0)
        size += 4 + 4 * (size_t)(data[size + 2] << 8 | data[size + 3]);
    return size;
}

static struct pass begin(const struct relay_srtp *srtp, bool sealing, bool rtcp, uint8_t *data, size_t end)
{
    const struct relay_srtp_half *half = &srtp->half[rtcp];
    return (struct pass){.half = half, .cipher = sealing ? half->seal : half->open, .rtcp = rtcp, .data = data, .end = end,
                         .header = rtcp ? RELAY_RTCP_HEADER : rtp_header(data),
                         .ssrc = rtcp ? relay_word_at(data + 4) : relay_rtp_ssrc(data)};
}

/* RFC 3711 section 4.1.1 */
static bool counter_mode(const struct pass *pass)
{
    uint8_t iv[16] = {0};
    int written;
    memcpy(iv, pass->half->salt, RELAY_SALT_BYTES);
    for (int i = 0; i < 4; i++)
        iv[4 + i] ^= (uint8_t)(pass->ssrc >> (24 - 8 * i));
    for (int i = 0; i < 6; i++)
        iv[8 + i] ^= (uint8_t)(pass->index >> (40 - 8 * i));
    uint8_t *body = pass->data + pass->header;
    return pass->clear || (EVP_EncryptInit_ex(pass->cipher, NULL, NULL, pass->half->cipher, iv) == 1 &&
                           EVP_EncryptUpdate(pass->cipher, body, &written, body, (int)(pass->end - pass->header)) == 1);
}

static SHA_CTX hash_from(const struct relay_hash_start *start)
{
    return (SHA_CTX){.h0 = start->word[0], .h1 = start->word[1], .h2 = start->word[2], .h3 = start->word[3],
                     .h4 = start->word[4], .Nl = 8 * RELAY_SHA1_BLOCK};
}

/* RFC 3711 section 4.2.1: over the packet and, of RTP, the rollover counter; ``size`` has RTCP's index in it. */
static void hmac(const struct pass *pass, size_t size, uint8_t tag[SHA1_BYTES])
{
    SHA_CTX context = hash_from(&pass->half->inner);
    uint8_t rollovers[4];
    SHA1_Update(&context, pass->data, size);
    if (!pass->rtcp) {
        put_word(rollovers, (uint32_t)(pass->index >> 16));
        SHA1_Update(&context, rollovers, sizeof rollovers);
    }
    SHA1_Final(tag, &context);
    context = hash_from(&pass->half->outer);
    SHA1_Update(&context, tag, SHA1_BYTES);
    SHA1_Final(tag, &context);
}

/* RFC 7714 sections 8.1 and 9.1 */
static void aead_iv(const struct pass *pass, uint8_t iv[12])
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
static bool aead(const struct pass *pass)
{
    EVP_CIPHER_CTX *cipher = pass->cipher;
    uint8_t iv[12], *body = pass->data + pass->header;
    int written;
    aead_iv(pass, iv);
    if (EVP_CipherInit_ex(cipher, NULL, NULL, pass->half->cipher, iv, -1) != 1 ||
        EVP_CipherUpdate(cipher, NULL, &written, pass->data, (int)(pass->clear ? pass->end : pass->header)) != 1)
        return false;
    if (pass->rtcp && EVP_CipherUpdate(cipher, NULL, &written, pass->word, sizeof pass->word) != 1)
        return false;
    return pass->clear || pass->end == pass->header ||
           EVP_CipherUpdate(cipher, body, &written, body, (int)(pass->end - pass->header)) == 1;
}

static bool seal(const struct pass *pass, size_t *size)
{
    uint8_t tag[SHA1_BYTES], *end = pass->data + pass->end;
    int written;
    size_t index = pass->rtcp ? RTCP_INDEX_BYTES : 0, tag_bytes = pass->half->tag_bytes;
    *size = pass->end + index + tag_bytes;
    if (relay_srtp_aead(pass->half)) {
        if (!aead(pass) || EVP_EncryptFinal_ex(pass->cipher, tag, &written) != 1 ||
            EVP_CIPHER_CTX_ctrl(pass->cipher, EVP_CTRL_AEAD_GET_TAG, RELAY_GCM_TAG, tag) != 1)
            return false;
        memcpy(end, tag, tag_bytes);
        memcpy(end + tag_bytes, pass->word, index);
        return true;
    }
    if (!counter_mode(pass))
        return false;
    memcpy(end, pass->word, index);
    hmac(pass, pass->end + index, tag);
    memcpy(end + index, tag, tag_bytes);
    return true;
}

enum relay_srtp_result relay_srtp_protect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                          uint8_t *data, size_t *size)
{
    struct pass pass = begin(srtp, true, rtcp, data, *size);
    struct relay_source *source = relay_source_find(state, pass.ssrc);
    if (rtcp) {
        if ((state->rtcp_next & ENCRYPTED) != 0)
            return RELAY_SRTP_EXHAUSTED;
        pass.index = state->rtcp_next;
        put_word(pass.word, ENCRYPTED | (uint32_t)pass.index);
    } else {
        pass.index = relay_source_guess(source, relay_rtp_sequence(data));
        if (relay_source_replayed(source, false, pass.index))
            return RELAY_SRTP_REPLAYED; /* one index must not encrypt two packets (RFC 3711 section 9.1) */
    }
    if (!seal(&pass, size))
        return RELAY_SRTP_EXHAUSTED;
    state->rtcp_next += rtcp;
    relay_source_commit(state, source, pass.ssrc, rtcp, pass.index);
    return RELAY_SRTP_DONE;
}

static bool open_aead(const struct pass *pass, const uint8_t *tag)
{
    uint8_t none[RELAY_GCM_TAG];
    int written;
    return aead(pass) &&
           EVP_CIPHER_CTX_ctrl(pass->cipher, EVP_CTRL_AEAD_SET_TAG, RELAY_GCM_TAG, (void *)(uintptr_t)tag) == 1 &&
           EVP_DecryptFinal_ex(pass->cipher, none, &written) == 1;
}

static bool open_hmac(const struct pass *pass, const uint8_t *tag)
{
    uint8_t expected[SHA1_BYTES];
    hmac(pass, pass->end + (pass->rtcp ? RTCP_INDEX_BYTES : 0), expected);
    return CRYPTO_memcmp(expected, tag, pass->half->tag_bytes) == 0 && counter_mode(pass);
}

enum relay_srtp_result relay_srtp_unprotect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                            uint8_t *data, size_t *size)
{
    struct pass pass = begin(srtp, false, rtcp, data, 0);
    const bool by_aead = relay_srtp_aead(pass.half);
    const size_t tag_bytes = pass.half->tag_bytes, index_bytes = rtcp ? RTCP_INDEX_BYTES : 0;
    const size_t trailer = tag_bytes + index_bytes + pass.half->mki_bytes;
    if (*size < pass.header + trailer)
        return RELAY_SRTP_FORGED;
    pass.end = *size - trailer;
    const uint8_t *tag = by_aead ? data + pass.end : data + *size - tag_bytes;
    struct relay_source *source = relay_source_find(state, pass.ssrc);
    if (rtcp) {
        memcpy(pass.word, data + pass.end + (by_aead ? tag_bytes : 0), index_bytes);
        uint32_t word = relay_word_at(pass.word);
        pass.clear = (word & ENCRYPTED) == 0;
        pass.index = word & ~ENCRYPTED;
    } else {
        pass.index = relay_source_guess(source, relay_rtp_sequence(data));
    }
    if (relay_source_replayed(source, rtcp, pass.index))
        return RELAY_SRTP_REPLAYED;
    if (!(by_aead ? open_aead(&pass, tag) : open_hmac(&pass, tag)))
        return RELAY_SRTP_FORGED;
    *size = pass.end;
    relay_source_commit(state, source, pass.ssrc, rtcp, pass.index);
    return RELAY_SRTP_DONE;
}

void relay_srtp_prefetch(const struct relay_srtp *srtp, const struct relay_way_state *state)
{
    __builtin_prefetch(&srtp->half[0].seal);
    __builtin_prefetch(&srtp->half[0].inner);
    __builtin_prefetch(&state->turn);
    __builtin_prefetch(&state->source[0], 1);
}
