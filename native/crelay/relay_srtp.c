/* Packets protected and unprotected. On the wire: RTP | tag, RTCP | index | tag. With HMAC the MKI stands before the tag
 * (RFC 3711 figures 1 and 2); with AEAD the tag ends the ciphertext and the MKI comes last (RFC 7714 figures 1 and 2). */
#include "relay_srtp_context.h" /* first: it chooses what OpenSSL declares */

#include <openssl/crypto.h>
#include <string.h>

#include "relay_rtp.h"
#include "relay_srtp_index.h"

#define ENCRYPTED 0x80000000u /* RFC 3711 section 3.4: the E bit before the SRTCP index */

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

static struct relay_pass begin(const struct relay_srtp *srtp, bool sealing, bool rtcp, uint8_t *data, size_t end)
{
    return (struct relay_pass){.half = &srtp->half[rtcp], .sealing = sealing, .rtcp = rtcp, .data = data, .end = end,
                               .header = rtcp ? RELAY_RTCP_HEADER : rtp_header(data),
                               .ssrc = rtcp ? relay_word_at(data + 4) : relay_rtp_ssrc(data)};
}

static bool seal(const struct relay_pass *pass, size_t *size)
{
    uint8_t tag[RELAY_AUTH_BYTES], *end = pass->data + pass->end;
    size_t index = pass->rtcp ? RELAY_RTCP_INDEX_BYTES : 0, tag_bytes = pass->half->tag_bytes;
    *size = pass->end + index + tag_bytes;
    if (relay_srtp_aead(pass->half)) {
        if (!relay_aead_seal(pass, tag))
            return false;
        memcpy(end, tag, tag_bytes);
        memcpy(end + tag_bytes, pass->word, index);
        return true;
    }
    if (!relay_counter_mode(pass))
        return false;
    memcpy(end, pass->word, index);
    relay_hmac(pass, pass->end + index, tag);
    memcpy(end + index, tag, tag_bytes);
    return true;
}

/* What is known of the packet's source, perhaps in ``again``. */
static struct relay_source *look_up(const struct relay_srtp *srtp, struct relay_way_state *state, uint32_t ssrc,
                                    struct relay_source *again)
{
    struct relay_source *source = relay_source_find(state, ssrc);
    return source != NULL ? source : relay_source_recall(state, srtp->retired, ssrc, again);
}

/* SRTCP's index is one over all sources. */
static enum relay_srtp_result protect_rtcp(struct relay_pass *pass, struct relay_way_state *state, size_t *size)
{
    if ((state->rtcp_next & ENCRYPTED) != 0)
        return RELAY_SRTP_EXHAUSTED;
    pass->index = state->rtcp_next;
    put_word(pass->word, ENCRYPTED | (uint32_t)pass->index);
    if (!seal(pass, size))
        return RELAY_SRTP_EXHAUSTED;
    state->rtcp_next++;
    return RELAY_SRTP_DONE;
}

/* One index must not encrypt two packets (RFC 3711 section 9.1): a source that was forgotten might use its own again. */
enum relay_srtp_result relay_srtp_protect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                          uint8_t *data, size_t *size)
{
    struct relay_pass pass = begin(srtp, true, rtcp, data, *size);
    struct relay_source again, *source;
    if (rtcp)
        return protect_rtcp(&pass, state, size);
    source = look_up(srtp, state, pass.ssrc, &again);
    if (source == NULL && !relay_source_fits(state, srtp->retired))
        return RELAY_SRTP_EXHAUSTED;
    pass.index = relay_source_guess(source, relay_rtp_sequence(data));
    if (relay_source_replayed(source, false, pass.index))
        return RELAY_SRTP_REPLAYED;
    if (!seal(&pass, size))
        return RELAY_SRTP_EXHAUSTED;
    relay_source_commit(state, srtp->retired, source, pass.ssrc, false, pass.index);
    return RELAY_SRTP_DONE;
}

static bool open_hmac(const struct relay_pass *pass, const uint8_t *tag)
{
    uint8_t expected[RELAY_AUTH_BYTES], found[RELAY_AUTH_BYTES];
    size_t size = pass->half->tag_bytes;
    memcpy(found, tag, size); /* hashing needs its place */
    relay_hmac(pass, pass->end + (pass->rtcp ? RELAY_RTCP_INDEX_BYTES : 0), expected);
    return CRYPTO_memcmp(expected, found, size) == 0 && relay_counter_mode(pass);
}

enum relay_srtp_result relay_srtp_unprotect(const struct relay_srtp *srtp, struct relay_way_state *state, bool rtcp,
                                            uint8_t *data, size_t *size)
{
    struct relay_pass pass = begin(srtp, false, rtcp, data, 0);
    const bool by_aead = relay_srtp_aead(pass.half);
    const size_t tag_bytes = pass.half->tag_bytes, index_bytes = rtcp ? RELAY_RTCP_INDEX_BYTES : 0;
    const size_t trailer = tag_bytes + index_bytes + pass.half->mki_bytes;
    if (*size < pass.header + trailer)
        return RELAY_SRTP_FORGED;
    pass.end = *size - trailer;
    const uint8_t *tag = by_aead ? data + pass.end : data + *size - tag_bytes;
    struct relay_source again, *source = look_up(srtp, state, pass.ssrc, &again);
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
    if (!(by_aead ? relay_aead_open(&pass, tag) : open_hmac(&pass, tag)))
        return RELAY_SRTP_FORGED;
    *size = pass.end;
    relay_source_commit(state, srtp->retired, source, pass.ssrc, rtcp, pass.index);
    return RELAY_SRTP_DONE;
}
