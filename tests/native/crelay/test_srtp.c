/* SRTP against the vectors of RFC 3711 appendix B, RFC 6188 section 7 and RFC 7714 sections 16 and 17; indices, windows and refusals. */
#include <string.h>

#include "../check.h"
#include "relay_srtp_context.h"
#include "relay_srtp_index.h"

#define ROOM 256

static size_t hex(const char *text, uint8_t *out)
{
    size_t size = 0;
    unsigned int byte;
    for (; *text != '\0'; text++)
        if (*text != ' ') {
            CHECK(sscanf(text, "%2x", &byte) == 1);
            out[size++] = (uint8_t)byte;
            text++;
        }
    return size;
}

static bool is_hex(const uint8_t *data, size_t size, const char *text)
{
    uint8_t expected[ROOM];
    return hex(text, expected) == size && memcmp(data, expected, size) == 0;
}

static struct relay_key key_of(enum relay_suite suite, const char *text)
{
    struct relay_key key = {.suite = (uint8_t)suite};
    CHECK(hex(text, key.bytes) == relay_suite_key_bytes(suite));
    return key;
}

/* RFC 3711 appendix B.3, RFC 6188 section 7.2 */
static void key_derivation(void)
{
    static const struct derivation {
        enum relay_suite suite;
        const char *master, *cipher, *salt, *auth;
    } derivations[] = {
        {RELAY_AES_CM_128_HMAC_SHA1_80, "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6",
         "C61E7A93744F39EE10734AFE3FF7A087", "30CBBC08863D8C85D49DB34A9AE1", "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA4"},
        {RELAY_AES_256_CM_HMAC_SHA1_32,
         "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2",
         "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4", "fa31791685ca444a9e07c6c64e93",
         "fd9c32d39ed5fbb5a9dc96b30818454d 1313dc05"},
    };
    for (size_t i = 0; i < sizeof derivations / sizeof *derivations; i++) {
        const struct derivation *one = &derivations[i];
        struct relay_key key = key_of(one->suite, one->master);
        struct relay_session_keys session;
        CHECK(relay_srtp_derive(&key, false, &session));
        CHECK(is_hex(session.cipher, relay_suite_key_bytes(one->suite) - 14, one->cipher));
        CHECK(is_hex(session.salt, 14, one->salt));
        CHECK(is_hex(session.auth, 20, one->auth));
    }
}

static void open_pair(enum relay_suite suite, const struct relay_session_keys *session, struct relay_srtp *pair[2])
{
    const struct relay_session_keys both[2] = {*session, *session};
    pair[0] = relay_srtp_open_session(suite, 0, both);
    pair[1] = relay_srtp_open_session(suite, 0, both);
    CHECK(pair[0] != NULL && pair[1] != NULL);
}

static void close_pair(struct relay_srtp *pair[2])
{
    relay_srtp_close(pair[0]);
    relay_srtp_close(pair[1]);
}

/* RFC 3711 appendix B.2, RFC 6188 section 7.1: SSRC, rollover counter and sequence number 0 */
static void counter_mode_keystream(void)
{
    static const struct {
        enum relay_suite suite;
        size_t tag;
        const char *key, *stream;
    } streams[] = {
        {RELAY_AES_CM_128_HMAC_SHA1_80, 10, "2B7E151628AED2A6ABF7158809CF4F3C",
         "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"},
        {RELAY_AES_256_CM_HMAC_SHA1_80, 10, "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98",
         "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31"},
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct relay_session_keys session = {0};
        struct relay_srtp *pair[2];
        struct relay_way_state state = {0};
        uint8_t packet[ROOM] = {0x80};
        size_t size = 12 + 48;
        hex(streams[i].key, session.cipher);
        hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD", session.salt);
        open_pair(streams[i].suite, &session, pair);
        CHECK(relay_srtp_protect(pair[0], &state, false, packet, &size) == RELAY_SRTP_DONE && size == 12 + 48 + streams[i].tag);
        CHECK(is_hex(packet + 12, 48, streams[i].stream));
        close_pair(pair);
    }
}

struct vector {
    enum relay_suite suite;
    bool rtcp;
    const char *plain, *secure;
};

#define RTP_HEADER "8040f17b 8041f8d3 5501a0b2 "
#define RTP_PLAIN RTP_HEADER "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573"
#define RTCP_HEADER "81c8000d 4d617273 "
#define RTCP_PLAIN \
    RTCP_HEADER "4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef"

static const struct vector vectors[] = {
    {RELAY_AEAD_AES_128_GCM, false, RTP_PLAIN, /* 16.1.1 */
     RTP_HEADER "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf "
                "765ee439 0cce"},
    {RELAY_AEAD_AES_256_GCM, false, RTP_PLAIN, /* 16.2.1 */
     RTP_HEADER "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb "
                "7878d7a7 6c13"},
    {RELAY_AEAD_AES_128_GCM, true, RTCP_PLAIN, /* 17.1 */
     RTCP_HEADER "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 "
                 "96cf4d2f c5abf872 45d9eade 800005d4"},
};

static void session_of_rfc_7714(struct relay_session_keys *session)
{
    memset(session, 0, sizeof *session);
    hex("51756964 2070726f 2071756f", session->salt);
    for (uint8_t i = 0; i < sizeof session->cipher; i++)
        session->cipher[i] = i;
}

static void vectors_of_rfc_7714(void)
{
    struct relay_session_keys session;
    session_of_rfc_7714(&session);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *vector = &vectors[i];
        struct relay_way_state sending = {.rtcp_next = 0x5d4}, receiving = {0};
        struct relay_srtp *pair[2];
        uint8_t packet[ROOM];
        size_t size = hex(vector->plain, packet);
        open_pair(vector->suite, &session, pair);
        CHECK(relay_srtp_protect(pair[0], &sending, vector->rtcp, packet, &size) == RELAY_SRTP_DONE);
        CHECK(is_hex(packet, size, vector->secure));
        CHECK(relay_srtp_unprotect(pair[1], &receiving, vector->rtcp, packet, &size) == RELAY_SRTP_DONE);
        CHECK(is_hex(packet, size, vector->plain));
        close_pair(pair);
    }
}

/* RFC 7714 section 17.3: authenticated, not encrypted */
static void clear_srtcp(void)
{
    struct relay_session_keys session;
    struct relay_srtp *pair[2];
    struct relay_way_state state = {0};
    uint8_t packet[ROOM];
    size_t size = hex(RTCP_PLAIN " 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4", packet);
    session_of_rfc_7714(&session);
    open_pair(RELAY_AEAD_AES_128_GCM, &session, pair);
    CHECK(relay_srtp_unprotect(pair[1], &state, true, packet, &size) == RELAY_SRTP_DONE);
    CHECK(is_hex(packet, size, RTCP_PLAIN) && state.source[0].rtcp_index == 0x5d4);
    close_pair(pair);
}

/* One packet with a CSRC, an extension and a payload that tells its number. */
static size_t rtp(uint8_t *packet, uint32_t number, uint32_t ssrc)
{
    memset(packet, 0, ROOM);
    packet[0] = 0x91;
    packet[2] = (uint8_t)(number >> 8);
    packet[3] = (uint8_t)number;
    memcpy(packet + 8, &ssrc, sizeof ssrc);
    packet[19] = 1; /* one word of extension */
    memcpy(packet + 24, &number, sizeof number);
    return 24 + 160;
}

static struct relay_key any_key(enum relay_suite suite, uint8_t mki_bytes)
{
    struct relay_key key = {.suite = (uint8_t)suite, .mki_bytes = mki_bytes};
    for (size_t i = 0; i < relay_suite_key_bytes(suite); i++)
        key.bytes[i] = (uint8_t)(7 * i + suite);
    return key;
}

struct wire {
    struct relay_srtp *pair[2];
    struct relay_way_state sending, receiving;
};

static void connect_wire(struct wire *wire, enum relay_suite suite)
{
    struct relay_key key = any_key(suite, 0);
    memset(wire, 0, sizeof *wire);
    wire->pair[0] = relay_srtp_open(&key);
    wire->pair[1] = relay_srtp_open(&key);
    CHECK(wire->pair[0] != NULL && wire->pair[1] != NULL);
}

static size_t protect(struct wire *wire, uint32_t number, uint8_t *packet)
{
    size_t size = rtp(packet, number, 0x77);
    CHECK(relay_srtp_protect(wire->pair[0], &wire->sending, false, packet, &size) == RELAY_SRTP_DONE);
    return size;
}

static enum relay_srtp_result unprotect(struct wire *wire, const uint8_t *packet, size_t size, uint32_t number)
{
    uint8_t copy[ROOM], expected[ROOM];
    memcpy(copy, packet, ROOM);
    enum relay_srtp_result result = relay_srtp_unprotect(wire->pair[1], &wire->receiving, false, copy, &size);
    if (result == RELAY_SRTP_DONE)
        CHECK(size == rtp(expected, number, 0x77) && memcmp(copy, expected, size) == 0);
    return result;
}

static void rollover_and_reordering(enum relay_suite suite)
{
    struct wire wire;
    uint8_t early[ROOM], packet[ROOM], late[ROOM];
    connect_wire(&wire, suite);
    for (uint32_t wrap = 1; wrap <= 3; wrap++) {
        uint32_t edge = wrap * 65536;
        for (uint32_t number = wrap == 1 ? 40000 : edge - 65536 + 4; number < edge - 2; number += 7919) {
            size_t size = protect(&wire, number, packet);
            CHECK(unprotect(&wire, packet, size, number) == RELAY_SRTP_DONE);
        }
        size_t size = protect(&wire, edge - 1, late); /* arrives after two of the next turn */
        protect(&wire, edge + 1, early);
        protect(&wire, edge, packet);
        CHECK(unprotect(&wire, early, size, edge + 1) == RELAY_SRTP_DONE);
        CHECK(unprotect(&wire, late, size, edge - 1) == RELAY_SRTP_DONE);
        CHECK(unprotect(&wire, packet, size, edge) == RELAY_SRTP_DONE);
        CHECK(unprotect(&wire, late, size, edge - 1) == RELAY_SRTP_REPLAYED);
        CHECK(unprotect(&wire, packet, size, edge) == RELAY_SRTP_REPLAYED);
        CHECK(wire.receiving.source[0].index >> 16 == wrap);
    }
    close_pair(wire.pair);
}

static void every_changed_bit_is_refused(enum relay_suite suite)
{
    struct wire wire;
    uint8_t packet[ROOM];
    connect_wire(&wire, suite);
    size_t size = protect(&wire, 5, packet);
    for (size_t i = 24; i < size; i++) {
        packet[i] ^= 1;
        CHECK(unprotect(&wire, packet, size, 5) == RELAY_SRTP_FORGED);
        packet[i] ^= 1;
    }
    for (size_t shorter = 24; shorter < size; shorter++)
        CHECK(unprotect(&wire, packet, shorter, 5) == RELAY_SRTP_FORGED);
    CHECK(wire.receiving.turn == 0); /* nothing was learned of a source */
    CHECK(unprotect(&wire, packet, size, 5) == RELAY_SRTP_DONE);
    close_pair(wire.pair);
}

static void srtcp_counts_on_and_refuses_replays(enum relay_suite suite)
{
    struct wire wire;
    uint8_t packets[3][ROOM];
    size_t size = 0, plain;
    connect_wire(&wire, suite);
    for (int i = 0; i < 3; i++) {
        size = hex(RTCP_PLAIN, packets[i]);
        CHECK(relay_srtp_protect(wire.pair[0], &wire.sending, true, packets[i], &size) == RELAY_SRTP_DONE);
    }
    CHECK(wire.sending.rtcp_next == 3);
    for (int round = 0; round < 2; round++)
        for (int i = 2; i >= 0; i--) {
            uint8_t copy[ROOM];
            memcpy(copy, packets[i], sizeof copy);
            plain = size;
            CHECK(relay_srtp_unprotect(wire.pair[1], &wire.receiving, true, copy, &plain) ==
                  (round == 0 ? RELAY_SRTP_DONE : RELAY_SRTP_REPLAYED));
            CHECK(round == 1 || is_hex(copy, plain, RTCP_PLAIN));
        }
    wire.sending.rtcp_next = 0x80000000u;
    plain = hex(RTCP_PLAIN, packets[0]);
    CHECK(relay_srtp_protect(wire.pair[0], &wire.sending, true, packets[0], &plain) == RELAY_SRTP_EXHAUSTED);
    close_pair(wire.pair);
}

/* The identifier stands before an HMAC tag and after an AEAD one. */
static void mki_is_skipped(enum relay_suite suite)
{
    struct wire wire;
    struct relay_key key = any_key(suite, 4);
    uint8_t packet[ROOM];
    connect_wire(&wire, suite);
    size_t size = protect(&wire, 9, packet);
    size_t behind = relay_srtp_aead(&wire.pair[0]->half[0]) ? 0 : wire.pair[0]->half[0].tag_bytes;
    memmove(packet + size - behind + 4, packet + size - behind, behind);
    memset(packet + size - behind, 0xee, 4);
    relay_srtp_close(wire.pair[1]);
    wire.pair[1] = relay_srtp_open(&key);
    CHECK(wire.pair[1] != NULL && unprotect(&wire, packet, size + 4, 9) == RELAY_SRTP_DONE);
    close_pair(wire.pair);
}

static void sources_have_indices_of_their_own(void)
{
    struct relay_way_state state = {0};
    for (uint32_t ssrc = 1; ssrc <= RELAY_SOURCES; ssrc++)
        relay_source_commit(&state, NULL, NULL, ssrc, false, 70000 + ssrc);
    for (uint32_t ssrc = 1; ssrc <= RELAY_SOURCES; ssrc++)
        CHECK(relay_source_guess(relay_source_find(&state, ssrc), 5000) == 65536 + 5000);
    relay_source_commit(&state, NULL, relay_source_find(&state, 1), 1, false, 80000); /* used again: the oldest is 2 now */
    relay_source_commit(&state, NULL, NULL, 99, false, 3);
    CHECK(relay_source_find(&state, 2) == NULL && relay_source_find(&state, 1)->index == 80000);
    CHECK(relay_source_guess(relay_source_find(&state, 2), 5000) == 5000);
}

/* Of a way whose sources are remembered when they give way. */
static void sources_come_back(void)
{
    static struct relay_retired retired;
    struct relay_way_state state = {.number = 3};
    struct relay_source again;
    retired = (struct relay_retired){.count = 1, .source = {{.ssrc = 1, .number = 2, .index = 1, .has_rtp = 1}}}; /* another key's */
    for (uint32_t ssrc = 1; ssrc <= RELAY_SOURCES; ssrc++) {
        CHECK(relay_source_recall(&state, &retired, ssrc, &again) == NULL && relay_source_fits(&state, &retired));
        relay_source_commit(&state, &retired, NULL, ssrc, false, 70000 + ssrc);
        relay_source_commit(&state, &retired, relay_source_find(&state, ssrc), ssrc, true, 5);
    }
    CHECK(retired.count == 1 && relay_source_recall(&state, &retired, 1, &again) == NULL);
    relay_source_commit(&state, &retired, NULL, 9, false, 3);
    CHECK(retired.count == 2 && relay_source_find(&state, 1) == NULL);
    CHECK(relay_source_recall(&state, &retired, 1, &again) == &again && again.index == 70001 && again.rtcp_index == 5);
    CHECK(relay_source_guess(&again, 5000) == 65536 + 5000);
    for (uint64_t index = 70001 - 2 * RELAY_WINDOW; index <= 70001; index++)
        CHECK(relay_source_replayed(&again, false, index));
    CHECK(!relay_source_replayed(&again, false, 70002) && relay_source_replayed(&again, true, 5) &&
          !relay_source_replayed(&again, true, 6));
    relay_source_commit(&state, &retired, &again, 1, false, 70002); /* in the place of 2 */
    CHECK(retired.count == 2 && relay_source_find(&state, 1)->index == 70002);
    CHECK(relay_source_recall(&state, &retired, 2, &again) != NULL && relay_source_recall(&state, &retired, 1, &again) == NULL);
    relay_retired_forget(&retired, 3);
    CHECK(retired.count == 1 && retired.source[0].number == 2 && relay_source_recall(&state, &retired, 2, &again) == NULL);
    retired.count = RELAY_RETIRED + 1; /* damaged */
    CHECK(relay_source_recall(&state, &retired, 2, &again) == NULL);
}

/* What is sent: as many sources as are remembered have their indices to themselves, and no more get any. */
static void no_index_of_a_forgotten_source_is_used_again(void)
{
    static struct relay_retired retired;
    struct wire wire;
    uint8_t packet[ROOM];
    const uint32_t most = RELAY_SOURCES + RELAY_RETIRED;
    connect_wire(&wire, RELAY_AEAD_AES_128_GCM);
    for (uint32_t ssrc = 1; ssrc <= RELAY_SOURCES + 1; ssrc++) {
        size_t size = rtp(packet, 7, ssrc);
        CHECK(relay_srtp_protect(wire.pair[0], &wire.sending, false, packet, &size) ==
              (ssrc <= RELAY_SOURCES ? RELAY_SRTP_DONE : RELAY_SRTP_EXHAUSTED));
    }
    relay_srtp_remember(wire.pair[0], &retired);
    for (uint32_t turn = 0; turn < 3; turn++)
        for (uint32_t ssrc = 1; ssrc <= most + 1; ssrc++) {
            size_t size = rtp(packet, turn < 2 ? 8 : 9, ssrc);
            enum relay_srtp_result wanted = turn == 1 ? RELAY_SRTP_REPLAYED : RELAY_SRTP_DONE;
            CHECK(relay_srtp_protect(wire.pair[0], &wire.sending, false, packet, &size) ==
                  (ssrc <= most ? wanted : RELAY_SRTP_EXHAUSTED));
        }
    CHECK(retired.count == RELAY_RETIRED);
    close_pair(wire.pair);
}

/* What is received: a source too many takes the place of one that is forgotten. */
static void the_first_to_be_retired_is_forgotten(void)
{
    static struct relay_retired retired;
    struct relay_way_state state = {0};
    struct relay_source again;
    for (uint32_t ssrc = 1; ssrc <= RELAY_SOURCES + RELAY_RETIRED + 2; ssrc++)
        relay_source_commit(&state, &retired, NULL, ssrc, false, 70000);
    CHECK(retired.count == RELAY_RETIRED && !relay_source_fits(&state, &retired));
    for (uint32_t ssrc = 1; ssrc <= RELAY_RETIRED + 2; ssrc++)
        CHECK((relay_source_recall(&state, &retired, ssrc, &again) == NULL) == (ssrc <= 2));
}

static void window_edges(void)
{
    struct relay_way_state state = {0};
    for (uint64_t index = 1000; index < 1400; index += 2)
        relay_source_commit(&state, NULL, relay_source_find(&state, 1), 1, false, index);
    struct relay_source *source = relay_source_find(&state, 1); /* highest 1398 */
    for (uint64_t index = 1398 - RELAY_WINDOW + 1; index < 1398; index++)
        CHECK(relay_source_replayed(source, false, index) == (index % 2 == 0));
    CHECK(relay_source_replayed(source, false, 1398 - RELAY_WINDOW) && !relay_source_replayed(source, false, 1399));
    relay_source_commit(&state, NULL, source, 1, false, 1398 + 64);
    CHECK(relay_source_replayed(source, false, 1398) && !relay_source_replayed(source, false, 1399));
    relay_source_commit(&state, NULL, source, 1, false, 9000);
    CHECK(!relay_source_replayed(source, false, 8999) && relay_source_replayed(source, false, 9000));
}

/* RFC 3711 section 3.3.1: a sequence number is taken for the nearest index. */
static void guesses(void)
{
    struct relay_source source = {.has_rtp = 1, .index = 100};
    CHECK(relay_source_guess(&source, 65000) == 65000); /* no turn before the first */
    source.index = 65536 + 100;
    CHECK(relay_source_guess(&source, 65000) == 65000 && relay_source_guess(&source, 200) == 65536 + 200);
    source.index = 65536 + 65000;
    CHECK(relay_source_guess(&source, 10) == 2 * 65536 + 10 && relay_source_guess(&source, 40000) == 65536 + 40000);
    CHECK(relay_source_guess(NULL, 65000) == 65000);
}

static void an_index_protects_one_packet(void)
{
    struct wire wire;
    uint8_t packet[ROOM];
    connect_wire(&wire, RELAY_AEAD_AES_128_GCM);
    protect(&wire, 10, packet);
    size_t size = rtp(packet, 10, 0x77);
    CHECK(relay_srtp_protect(wire.pair[0], &wire.sending, false, packet, &size) == RELAY_SRTP_REPLAYED);
    close_pair(wire.pair);
}

int main(void)
{
    key_derivation();
    counter_mode_keystream();
    vectors_of_rfc_7714();
    clear_srtcp();
    for (int suite = 1; suite < RELAY_SUITES; suite++) {
        rollover_and_reordering((enum relay_suite)suite);
        every_changed_bit_is_refused((enum relay_suite)suite);
        srtcp_counts_on_and_refuses_replays((enum relay_suite)suite);
        mki_is_skipped((enum relay_suite)suite);
    }
    sources_have_indices_of_their_own();
    sources_come_back();
    no_index_of_a_forgotten_source_is_used_again();
    the_first_to_be_retired_is_forgotten();
    window_edges();
    guesses();
    an_index_protects_one_packet();
    CHECK(relay_suite_named("AEAD_AES_256_GCM") == RELAY_AEAD_AES_256_GCM);
    CHECK(relay_suite_named("F8_128_HMAC_SHA1_80") == RELAY_NO_SUITE);
    return 0;
}
