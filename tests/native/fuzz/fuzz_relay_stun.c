/* Fuzz target: sequences of datagrams of any content to a leg of ICE.
 *
 * Invariants: nothing is read beyond the datagram; who doesn't know our password is let in nowhere and sent nothing longer than what it sent;
 * what is answered is sound STUN of the same transaction; every check is counted as answered or refused.
 *
 * Input: per datagram a byte (source; 8: with the cookie, 16: attributes of a request of ours, 32: proven by our password), a length byte, that
 * many bytes.
 */
#include <stdlib.h>

#include "../check.h"
#include "../crelay/stun_request.h"
#include "relay_ice.h"
#include "relay_latch.h"

#define PASSWORD "0123456789abcdefghijkl"

static struct relay_stream stream;
static struct relay_ice_record record;

static void set_up(void)
{
    memset(&stream, 0, sizeof stream);
    memset(&record, 0, sizeof record);
    stream.setting[0][0].mode = RELAY_ICE;
    relay_leg_of(&stream, 0, 0)->setting_sequence = 2;
    memcpy(record.side[0].ufrag, "ours", 4);
    memcpy(record.side[0].password, PASSWORD, sizeof PASSWORD - 1);
    record.side[0].ufrag_bytes = 4;
    record.side[0].password_bytes = sizeof PASSWORD - 1;
    record.side[0].peer = relay_ice_name((const uint8_t *)"x", 1);
}

/* What is sent of the bytes. */
static size_t make(uint8_t choices, const uint8_t *data, size_t size, uint8_t out[1024])
{
    static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
    const struct relay_stun_key key = {(const uint8_t *)PASSWORD, sizeof PASSWORD - 1};
    uint8_t hmac[RELAY_STUN_HMAC];
    size_t at = 0;
    if ((choices & 16) != 0)
        at = make_request(&(struct request){.username = "ours:x", .transaction = choices}, out);
    memcpy(out + at, data, size);
    at += size;
    if ((choices & 8) != 0 && at >= RELAY_STUN_HEADER)
        memcpy(out + 4, cookie, sizeof cookie);
    if ((choices & 32) == 0 || at < RELAY_STUN_HEADER)
        return at;
    at = at / 4 * 4;
    relay_stun_hmac(&key, out, at, (uint16_t)(at + 24 - RELAY_STUN_HEADER), hmac);
    at = put_attribute(out, at, 0x0008, hmac, sizeof hmac);
    put_length(out, at);
    return at;
}

static void check_answer(const struct relay_ice_answer *answer, const struct relay_datagram *datagram, bool proven)
{
    struct relay_stun stun;
    CHECK(answer->size <= RELAY_STUN_ANSWER && relay_stun_is(answer->data, answer->size));
    CHECK(relay_stun_read(answer->data, answer->size, &stun) && memcmp(answer->data + 4, datagram->data + 4, 16) == 0);
    CHECK(proven || (answer->size <= datagram->size && stun.type == 0x0111));
}

static void one_datagram(uint8_t choices, const uint8_t *data, size_t size, uint64_t now_ns)
{
    uint8_t whole[1024];
    const struct relay_stream before = stream;
    const uint64_t checks = record.leg[0][0].answered + record.leg[0][0].refused;
    struct relay_datagram datagram = {.size = make(choices, data, size, whole)};
    struct relay_ice_answer answer;
    uint8_t *exact = malloc(datagram.size + 1); /* so that the sanitizer sees a read beyond it */
    CHECK(exact != NULL);
    memcpy(exact + 1, whole, datagram.size);
    datagram.data = exact + 1;
    CHECK(relay_address_parse(choices & 4 ? "2001:db8::1" : "192.0.2.1", (uint16_t)(4000 + (choices & 3)), &datagram.source));
    if (relay_stun_is(datagram.data, datagram.size)) {
        const bool known = relay_ice_has_passed(&record, 0, 0, &datagram.source), proven = (choices & 32) != 0;
        enum relay_ice_outcome outcome = relay_ice_take(&stream, &record, 0, 0, &datagram, now_ns, &answer);
        CHECK(outcome != RELAY_ICE_NOT);
        if (outcome == RELAY_ICE_ANSWERED)
            check_answer(&answer, &datagram, proven);
        if (!proven)
            CHECK(!answer.moved && relay_ice_has_passed(&record, 0, 0, &datagram.source) == known);
        uint64_t dropped = stream.rare[0][0].strangers + stream.rare[0][0].malformed - before.rare[0][0].strangers - before.rare[0][0].malformed;
        CHECK(record.leg[0][0].answered + record.leg[0][0].refused + dropped <= checks + 1);
        CHECK(outcome != RELAY_ICE_ANSWERED || record.leg[0][0].answered + record.leg[0][0].refused == checks + 1);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t now_ns = 1000000000;
    set_up();
    while (size >= 2) {
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        one_datagram(data[0], data + 2, length, now_ns += 50000000);
        data += 2 + length;
        size -= 2 + length;
    }
    return 0;
}
