/* STUN messages: the vectors of RFC 5769, and what is damaged. */
#include "../check.h"
#include "stun_request.h"

static const char PASSWORD[] = "VOkJxbRl1RmTxUk/WvJxBt";
static const struct relay_stun_key KEY = {(const uint8_t *)PASSWORD, sizeof PASSWORD - 1};

/* RFC 5769 section 2.1 */
static const uint8_t REQUEST[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22,
    0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04,
    0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76,
    0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56,
    0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};

/* Section 2.2 */
static const uint8_t RESPONSE[] = {
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08,
    0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3,
    0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};

/* Section 2.3: the attribute alone */
static const uint8_t MAPPED_SIX[] = {0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25,
                                     0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9};

static void test_a_request_is_read(void)
{
    struct relay_stun stun;
    const uint8_t *theirs;
    size_t size;
    CHECK(relay_stun_is(REQUEST, sizeof REQUEST));
    CHECK(relay_stun_read(REQUEST, sizeof REQUEST, &stun));
    CHECK(stun.type == RELAY_STUN_REQUEST && stun.priority == 0x6e0001ff && stun.controlled && !stun.nominates && stun.unknown_count == 0);
    CHECK(relay_stun_names(&stun, (const uint8_t *)"evtj", 4, &theirs, &size) && size == 4 && memcmp(theirs, "h6vY", 4) == 0);
    CHECK(!relay_stun_names(&stun, (const uint8_t *)"evt", 3, &theirs, &size));
    CHECK(!relay_stun_names(&stun, (const uint8_t *)"evtj:h6vY", 9, &theirs, &size));
    CHECK(relay_stun_proves(&stun, &KEY));
    CHECK(!relay_stun_proves(&stun, &(struct relay_stun_key){(const uint8_t *)PASSWORD, sizeof PASSWORD - 2}));
}

static void test_sums_are_those_of_the_vectors(void)
{
    struct relay_stun stun;
    CHECK(relay_stun_read(RESPONSE, sizeof RESPONSE, &stun));
    CHECK(relay_stun_proves(&stun, &KEY));
    CHECK(stun.type == 0x0101);
}

static void test_an_answer_names_the_source(void)
{
    union relay_address source = {0};
    uint8_t out[RELAY_STUN_ANSWER];
    struct relay_stun stun, answer;
    CHECK(relay_stun_read(REQUEST, sizeof REQUEST, &stun));
    CHECK(relay_address_parse("192.0.2.1", 32853, &source));
    size_t size = relay_stun_accept(&stun, &source, &KEY, out);
    CHECK(memcmp(out + 20, RESPONSE + 36, 12) == 0); /* XOR-MAPPED-ADDRESS */
    CHECK(relay_stun_read(out, size, &answer) && answer.type == 0x0101 && relay_stun_proves(&answer, &KEY));
    CHECK(relay_address_parse("2001:db8:1234:5678:11:2233:4455:6677", 32853, &source));
    size = relay_stun_accept(&stun, &source, &KEY, out);
    CHECK(memcmp(out + 20, MAPPED_SIX, sizeof MAPPED_SIX) == 0);
    CHECK(size <= RELAY_STUN_ANSWER && relay_stun_read(out, size, &answer) && relay_stun_proves(&answer, &KEY));
}

static void test_an_error_names_what_was_not_understood(void)
{
    static const uint8_t expected[] = {0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0x7f, 1, 0, 0};
    uint8_t data[1024], out[RELAY_STUN_ANSWER];
    struct relay_stun stun, answer;
    size_t size = make_request(&(struct request){.username = "ours:theirs", .password = PASSWORD, .extra = 0x7f01}, data);
    CHECK(relay_stun_read(data, size, &stun) && stun.unknown_count == 1 && stun.unknown[0] == 0x7f01);
    size = relay_stun_refuse(&stun, RELAY_STUN_UNKNOWN_ATTRIBUTE, &KEY, out);
    CHECK(memcmp(out + 20, expected, sizeof expected) == 0);
    CHECK(relay_stun_read(out, size, &answer) && answer.type == 0x0111 && relay_stun_proves(&answer, &KEY));
    size = relay_stun_refuse(&stun, RELAY_STUN_BAD_REQUEST, NULL, out);
    CHECK(size == 36 && relay_stun_read(out, size, &answer) && answer.integrity == 0);
}

static void test_many_unknown_attributes_fit_an_answer(void)
{
    uint8_t data[1024], out[RELAY_STUN_ANSWER];
    struct relay_stun stun;
    size_t size = make_request(&(struct request){.username = "ours:theirs"}, data);
    for (uint16_t type = 0x7000; type < 0x7020; type++)
        size = put_attribute(data, size, type, "x", 1);
    put_length(data, size);
    CHECK(relay_stun_read(data, size, &stun) && stun.unknown_count == RELAY_STUN_UNKNOWN);
    CHECK(relay_stun_refuse(&stun, RELAY_STUN_UNKNOWN_ATTRIBUTE, &KEY, out) <= RELAY_STUN_ANSWER);
}

static void test_damaged_messages_are_nothing(void)
{
    uint8_t data[sizeof REQUEST];
    struct relay_stun stun;
    for (size_t size = RELAY_STUN_HEADER; size < sizeof REQUEST; size++)
        CHECK(!relay_stun_read(REQUEST, size, &stun));
    for (size_t i = 8; i < sizeof REQUEST; i++) { /* the sums cover all but the name and length of the last one */
        if (i >= sizeof REQUEST - 8 && i < sizeof REQUEST - 4)
            continue;
        memcpy(data, REQUEST, sizeof data);
        data[i] ^= 1;
        CHECK(!relay_stun_read(data, sizeof data, &stun) || !relay_stun_proves(&stun, &KEY));
    }
    memcpy(data, REQUEST, sizeof data);
    data[0] = 4;
    CHECK(!relay_stun_is(data, sizeof data));
    CHECK(!relay_stun_is(REQUEST, RELAY_STUN_HEADER - 1));
}

static void test_what_follows_the_integrity_counts_for_nothing(void)
{
    uint8_t data[1024];
    struct relay_stun stun;
    size_t size = make_request(&(struct request){.username = "ours:theirs", .password = PASSWORD}, data);
    size = put_attribute(data, size, 0x0025, NULL, 0);
    size = put_attribute(data, size, 0x7f01, NULL, 0);
    put_length(data, size);
    CHECK(relay_stun_read(data, size, &stun) && relay_stun_proves(&stun, &KEY));
    CHECK(!stun.nominates && stun.unknown_count == 0);
}

int main(void)
{
    test_a_request_is_read();
    test_sums_are_those_of_the_vectors();
    test_an_answer_names_the_source();
    test_an_error_names_what_was_not_understood();
    test_many_unknown_attributes_fit_an_answer();
    test_damaged_messages_are_nothing();
    test_what_follows_the_integrity_counts_for_nothing();
    return 0;
}
