/* Checksums: known ones, and others by another way to count; what is left to UDP sockets, and when all is. */
#include <string.h>

#include "../check.h"
#include "relay_raw.h"

static uint16_t checksum_of(const void *data, size_t size) { return relay_raw_checksum(relay_raw_sum(data, size, 0)); }

static void known_sums(void)
{
    const uint8_t rfc1071[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* RFC 1071 section 3: ddf2 */
    const uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                              0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7}; /* with its checksum in it */
    CHECK(checksum_of(rfc1071, sizeof rfc1071) == htons((uint16_t)~0xddf2));
    CHECK(checksum_of(header, sizeof header) == 0);
    CHECK(checksum_of(header, 0) == 0xffff);
}

/* Byte by byte, as RFC 1071 section 4.1 has it. */
static uint16_t slowly(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (uint32_t)data[i] << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void every_length_at_every_offset(void)
{
    uint8_t data[1300];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)((random = random * 1103515245u + 12345u) >> 16) | (i % 3 == 0 ? 0xf0 : 0);
    for (size_t offset = 0; offset < 4; offset++)
        for (size_t size = 0; size < sizeof data - 4; size++)
            CHECK(checksum_of(data + offset, size) == slowly(data + offset, size));
    memset(data, 0xff, sizeof data);
    CHECK(checksum_of(data, sizeof data) == 0);
}

/* To ``host`` from an address of the same family, by sockets that are none. */
static enum relay_raw_result sent_to(const char *host, uint16_t port, uint32_t scope, struct relay_raw raw[RELAY_RAW_FAMILIES])
{
    static uint8_t room[RELAY_RAW_ROOM + 172];
    static struct relay_raw_sources sources;
    union relay_address to;
    CHECK(relay_address_parse(strchr(host, ':') != NULL ? "2001:db8::1" : "192.0.2.1", 0, &sources.source[0].address));
    CHECK(relay_address_parse(host, port, &to));
    if (scope != 0)
        to.v6.sin6_scope_id = scope;
    return relay_raw_send(raw, &sources, 1u << 16, &to, room + RELAY_RAW_ROOM, 172);
}

static void what_is_not_for_it(void)
{
    static const char *const plain[] = {"192.0.2.9", "10.0.0.1", "127.0.0.1", "223.255.255.255", "2001:db8::9", "fd00::9", "::1"};
    static const char *const others[] = {"0.0.0.0", "0.1.2.3", "224.0.0.251", "239.1.2.3", "240.0.0.1", "255.255.255.255", "::",
                                         "::ffff:192.0.2.9", "::192.0.2.9", "ff02::fb", "ff3e::1", "fe80::1", "64:ff9b::192.0.2.9"};
    struct relay_raw raw[RELAY_RAW_FAMILIES] = {{.fd = -1}, {.fd = -1}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        CHECK(sent_to(plain[i], 4000, 0, raw) == RELAY_RAW_REFUSED);
        CHECK(sent_to(plain[i], 0, 0, raw) == RELAY_RAW_NOT_FIT);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK(sent_to(others[i], 4000, 0, raw) == RELAY_RAW_NOT_FIT);
    CHECK(sent_to("2001:db8::9", 4000, 1, raw) == RELAY_RAW_NOT_FIT);
}

static void given_up_when_others_can(void)
{
    struct relay_raw raw[RELAY_RAW_FAMILIES] = {{.fd = -1}, {.fd = -1}};
    int tries = 0;
    for (; !raw[0].given_up; tries++) {
        CHECK(sent_to("192.0.2.9", 4000, 0, raw) == RELAY_RAW_REFUSED);
        relay_raw_outdone(&raw[0]);
    }
    CHECK(tries == 64 && raw[0].refused == 64);
    CHECK(sent_to("192.0.2.9", 4000, 0, raw) == RELAY_RAW_NOT_FIT && sent_to("::1", 4000, 0, raw) == RELAY_RAW_REFUSED);
}

int main(void)
{
    known_sums();
    every_length_at_every_offset();
    what_is_not_for_it();
    given_up_when_others_can();
    puts("ok");
    return 0;
}
