/* Fuzz target: datagrams of any content to SRTP's receiving end, then through its sending end and back.
 *
 * Invariants: what was not made with the key is refused and leaves the state as it was; what is protected comes out as it went
 * in, once; nothing is written beyond the room the header promises.
 *
 * Input: a byte that chooses suite and MKI, a byte that chooses RTP or RTCP, the datagram.
 */
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "relay_rtp.h"
#include "relay_srtp.h"

static struct relay_key key_for(uint8_t choices, bool sending)
{
    struct relay_key key = {.suite = (uint8_t)(1 + choices % (RELAY_SUITES - 1)), .mki_bytes = sending ? 0 : choices >> 4};
    memset(key.bytes, choices, relay_suite_key_bytes((enum relay_suite)key.suite));
    return key;
}

static void refused(const struct relay_key *key, bool rtcp, const uint8_t *data, size_t size)
{
    struct relay_srtp *srtp = relay_srtp_open(key);
    struct relay_way_state state = {.key = *key}, before = state;
    uint8_t *exact = malloc(size + RELAY_SRTP_ROOM);
    CHECK(srtp != NULL && exact != NULL);
    memcpy(exact, data, size);
    CHECK(relay_srtp_unprotect(srtp, &state, rtcp, exact, &size) == RELAY_SRTP_FORGED);
    CHECK(memcmp(&state, &before, sizeof state) == 0);
    free(exact);
    relay_srtp_close(srtp);
}

static void there_and_back(const struct relay_key *key, bool rtcp, const uint8_t *data, size_t size)
{
    struct relay_srtp *sender = relay_srtp_open(key), *receiver = relay_srtp_open(key);
    struct relay_way_state sending = {.key = *key}, receiving = sending;
    uint8_t *exact = malloc(size + RELAY_SRTP_ROOM), *again = malloc(size + RELAY_SRTP_ROOM);
    size_t moved = size;
    CHECK(sender != NULL && receiver != NULL && exact != NULL && again != NULL);
    memcpy(exact, data, size);
    CHECK(relay_srtp_protect(sender, &sending, rtcp, exact, &moved) == RELAY_SRTP_DONE && moved <= size + RELAY_SRTP_ROOM);
    memcpy(again, exact, moved);
    size_t copied = moved;
    CHECK(relay_srtp_unprotect(receiver, &receiving, rtcp, exact, &moved) == RELAY_SRTP_DONE);
    CHECK(moved == size && memcmp(exact, data, size) == 0);
    CHECK(relay_srtp_unprotect(receiver, &receiving, rtcp, again, &copied) == RELAY_SRTP_REPLAYED);
    free(exact);
    free(again);
    relay_srtp_close(sender);
    relay_srtp_close(receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const bool rtcp = (data[1] & 1) != 0;
    struct relay_key receive = key_for(data[0], false), send = key_for(data[0], true);
    data += 2;
    size -= 2;
    enum relay_packet_type type = relay_classify(data, size, rtcp, false);
    if (type == RELAY_MALFORMED)
        return 0;
    refused(&receive, type == RELAY_IS_RTCP, data, size);
    there_and_back(&send, type == RELAY_IS_RTCP, data, size);
    return 0;
}
