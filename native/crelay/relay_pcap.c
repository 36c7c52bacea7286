#include "relay_pcap.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#define MAGIC 0xa1b2c3d4u  /* microseconds; in the byte order of the machine */
#define LINKTYPE_RAW 101u  /* a packet begins with its IP header */
#define MOST_BYTES 65535u
#define TTL 64

size_t relay_pcap_begin(uint8_t *out)
{
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, most, link;
    } header = {MAGIC, 2, 4, 0, 0, MOST_BYTES, LINKTYPE_RAW};
    _Static_assert(sizeof header == RELAY_PCAP_FILE_HEADER, "the format's size");
    memcpy(out, &header, sizeof header);
    return sizeof header;
}

/* RFC 1071; ``sum`` of what came before, which was an even number of bytes. */
static uint32_t add(uint32_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    if (size % 2 != 0)
        sum += (uint32_t)bytes[size - 1] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* UDP's over addresses, header and payload; of a packet that is not kept whole it can't be told and stays 0. */
static uint16_t udp_sum(const void *from, const void *to, size_t address_size, const struct udphdr *udp, const uint8_t *data,
                        uint32_t size, uint32_t kept)
{
    if (kept != size)
        return 0;
    uint32_t sum = add(add(0, from, address_size), to, address_size);
    sum += (uint32_t)IPPROTO_UDP + ntohs(udp->uh_ulen);
    uint16_t whole = fold(add(add(sum, udp, sizeof *udp), data, size));
    return whole == 0 ? 0xffff : whole;
}

static size_t ip4(uint8_t *out, const union relay_address *from, const union relay_address *to, uint16_t total)
{
    struct ip header = {.ip_hl = 5, .ip_v = 4, .ip_len = htons(total), .ip_ttl = TTL, .ip_p = IPPROTO_UDP,
                        .ip_src = from->v4.sin_addr, .ip_dst = to->v4.sin_addr};
    header.ip_sum = fold(add(0, &header, sizeof header));
    memcpy(out, &header, sizeof header);
    return sizeof header;
}

static size_t ip6(uint8_t *out, const union relay_address *from, const union relay_address *to, uint16_t udp_size)
{
    struct ip6_hdr header = {.ip6_src = from->v6.sin6_addr, .ip6_dst = to->v6.sin6_addr};
    header.ip6_flow = htonl(6u << 28);
    header.ip6_plen = htons(udp_size);
    header.ip6_nxt = IPPROTO_UDP;
    header.ip6_hlim = TTL;
    memcpy(out, &header, sizeof header);
    return sizeof header;
}

size_t relay_pcap_header(uint8_t out[RELAY_PCAP_MOST_HEADER], uint64_t unix_ns, const union relay_address *from,
                         const union relay_address *to, const uint8_t *data, uint32_t size, uint32_t kept)
{
    bool v4 = from->any.sa_family == AF_INET;
    uint16_t udp_size = (uint16_t)(sizeof(struct udphdr) + size);
    struct udphdr udp = {.uh_sport = v4 ? from->v4.sin_port : from->v6.sin6_port,
                         .uh_dport = v4 ? to->v4.sin_port : to->v6.sin6_port, .uh_ulen = htons(udp_size)};
    size_t ip_size = v4 ? ip4(out + 16, from, to, (uint16_t)(sizeof(struct ip) + udp_size)) : ip6(out + 16, from, to, udp_size);
    if (v4)
        udp.uh_sum = udp_sum(&from->v4.sin_addr, &to->v4.sin_addr, 4, &udp, data, size, kept);
    else
        udp.uh_sum = udp_sum(&from->v6.sin6_addr, &to->v6.sin6_addr, 16, &udp, data, size, kept);
    memcpy(out + 16 + ip_size, &udp, sizeof udp);
    uint32_t headers = (uint32_t)(ip_size + sizeof udp);
    uint32_t record[4] = {(uint32_t)(unix_ns / 1000000000u), (uint32_t)(unix_ns % 1000000000u / 1000u), headers + kept,
                          headers + size};
    memcpy(out, record, sizeof record);
    return sizeof record + headers;
}
