/* The fast path: plain RTP of streams that need nothing but other addresses, relayed where it enters the machine (tcx ingress).
 *
 * The relay names each leg by the pair of addresses its packets come with, and says with which they leave. Whatever is not exactly
 * RTP between those two goes on to the socket, as if there were no program: RTCP, STUN, DTLS, strangers, fragments, IP options, long
 * packets, damaged headers. Who may be relayed is decided there; nothing is learned here.
 */
#include "bpf.h"

#include "../crelay/relay_fast_leg.h"

#define TO_NEXT (-1) /* TCX_NEXT: on to whoever comes next, in the end the sockets */
#define DROP 2       /* TCX_DROP */
#define THIS_HOST 0  /* PACKET_HOST */
#define FRAGMENTS 0x3fff
#define DONT_FRAGMENT 0x4000
#define UDP 17
#define RTP_HEADER 12
#define RTCP_FIRST 192 /* RFC 5761 section 4 */
#define RTCP_LAST 223

struct {
    BPF_NUMBER(type, BPF_MAP_TYPE_HASH);
    BPF_NUMBER(map_flags, BPF_F_NO_PREALLOC);
    BPF_TYPE(key, struct relay_fast_pair);
    BPF_TYPE(value, uint32_t); /* the leg's number */
    BPF_NUMBER(max_entries, 1);
} relay_pairs SECTION(".maps");

struct {
    BPF_NUMBER(type, BPF_MAP_TYPE_ARRAY);
    BPF_NUMBER(map_flags, BPF_F_MMAPABLE);
    BPF_TYPE(key, uint32_t);
    BPF_TYPE(value, struct relay_fast_leg);
    BPF_NUMBER(max_entries, 1);
} relay_legs SECTION(".maps");

struct ipv4_packet {
    struct ethhdr ethernet;
    struct iphdr ip;
    struct udphdr udp;
    uint8_t rtp[RTP_HEADER];
} __attribute__((packed));

struct ipv6_packet {
    struct ethhdr ethernet;
    struct ipv6hdr ip;
    struct udphdr udp;
    uint8_t rtp[RTP_HEADER];
} __attribute__((packed));

static inline void *data_of(const struct __sk_buff *skb) { return (void *)(long)skb->data; }
static inline void *end_of(const struct __sk_buff *skb) { return (void *)(long)skb->data_end; }

/* Whether so many bytes of the packet can be read in place; makes it so when they lie elsewhere. */
static inline bool has(struct __sk_buff *skb, uint32_t size)
{
    if (data_of(skb) + size <= end_of(skb))
        return true;
    return skb->len >= size && bpf_skb_pull_data(skb, size) == 0;
}

static inline uint16_t header_sum(const void *header)
{
    const uint16_t *word = header;
    uint32_t sum = 0;
#pragma unroll
    for (uint32_t i = 0; i < sizeof(struct iphdr) / sizeof *word; i++)
        sum += word[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

/* RFC 3550 section 5.1, as the relay's own rtp_fits. ``size``: of the datagram, which begins at ``offset``. */
static inline bool rtp_fits(struct __sk_buff *skb, const uint8_t *rtp, uint32_t offset, uint32_t size)
{
    uint32_t need = RTP_HEADER + 4 * (rtp[0] & 0x0f);
    uint8_t head[4];
    if (rtp[0] >> 6 != 2 || (rtp[1] >= RTCP_FIRST && rtp[1] <= RTCP_LAST))
        return false;
    if ((rtp[0] & 0x10) == 0)
        return size >= need;
    if (size < need + 4 || bpf_skb_load_bytes(skb, offset + need, head, sizeof head) != 0)
        return false;
    return size >= need + 4 + 4 * (uint32_t)(head[2] << 8 | head[3]);
}

static inline struct relay_fast_leg *find(const struct __sk_buff *skb, const struct relay_fast_pair *pair)
{
    const uint32_t *number = bpf_map_lookup_elem(&relay_pairs, pair);
    struct relay_fast_leg *leg = number == 0 ? 0 : bpf_map_lookup_elem(&relay_legs, number);
    if (leg == 0 || relay_get(leg->on) == 0 || leg->out.version != pair->version)
        return 0;
    return leg->arrives == skb->ifindex ? leg : 0; /* whether it may come in elsewhere, the kernel judges (rp_filter, martians) */
}

static inline void count(struct relay_fast_leg *leg, const uint8_t *rtp, uint32_t size)
{
    uint8_t type = rtp[1] & 0x7f;
    uint32_t clock_hz = type < 128 - RELAY_FAST_TYPES ? relay_static_clock_hz(type)
                                                      : leg->clock[type % RELAY_FAST_TYPES] * RELAY_CLOCK_UNIT_HZ;
    uint64_t now_ns = bpf_ktime_get_ns();
    relay_count(leg->flow.packets, 1);
    relay_count(leg->flow.bytes, size);
    relay_count(leg->flow.forwarded, 1);
    relay_put(leg->flow.last_ns, now_ns);
    if (relay_flow_rtp(&leg->flow, rtp, now_ns, clock_hz))
        relay_count(leg->gaps, 1);
}

/* Ports and the UDP checksum, which may be none, whole, or still the device's to finish: the kernel knows. Then away. */
static inline int leave(struct __sk_buff *skb, const struct relay_fast_leg *leg, uint32_t udp_offset, const struct udphdr *udp_before)
{
    uint32_t offset = udp_offset + __builtin_offsetof(struct udphdr, check);
    uint32_t before = (uint32_t)udp_before->dest << 16 | udp_before->source;
    uint32_t after = (uint32_t)leg->out.remote_port << 16 | leg->out.local_port;
    if (bpf_l4_csum_replace(skb, offset, before, after, BPF_F_MARK_MANGLED_0 | sizeof after) != 0 ||
        bpf_l4_csum_replace(skb, offset, 0, leg->address_sum, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) != 0)
        return DROP;
    if (leg->interface == 0)
        return TO_NEXT;
    skb->priority = leg->priority;
    return (int)bpf_redirect_neigh(leg->interface, 0, 0, 0);
}

static inline int relay_ipv4(struct __sk_buff *skb)
{
    struct relay_fast_pair pair = {.version = RELAY_FAST_IPV4};
    if (!has(skb, sizeof(struct ipv4_packet)))
        return TO_NEXT;
    struct ipv4_packet *packet = data_of(skb);
    if ((void *)(packet + 1) > end_of(skb))
        return TO_NEXT;
    uint32_t size = to_network(packet->ip.tot_len), datagram = to_network(packet->udp.len) - sizeof packet->udp;
    if (packet->ip.version != 4 || packet->ip.ihl != 5 || packet->ip.protocol != UDP ||
        (packet->ip.frag_off & to_network(FRAGMENTS)) != 0 || size > RELAY_FAST_BYTES || size > skb->len - ETH_HLEN ||
        size != sizeof packet->ip + sizeof packet->udp + datagram)
        return TO_NEXT;
    __builtin_memcpy(pair.local, &packet->ip.daddr, 4);
    __builtin_memcpy(pair.remote, &packet->ip.saddr, 4);
    pair.local_port = packet->udp.dest;
    pair.remote_port = packet->udp.source;
    struct relay_fast_leg *leg = find(skb, &pair);
    if (leg == 0 || header_sum((void *)packet + sizeof packet->ethernet) != 0xffff ||
        !rtp_fits(skb, packet->rtp, __builtin_offsetof(struct ipv4_packet, rtp), datagram))
        return TO_NEXT;
    count(leg, packet->rtp, datagram);

    struct udphdr before = packet->udp;
    packet->ip.tos = leg->traffic_class;
    packet->ip.ttl = leg->hop_limit;
    packet->ip.frag_off = to_network(DONT_FRAGMENT);
    __builtin_memcpy(&packet->ip.saddr, leg->out.local, 4);
    __builtin_memcpy(&packet->ip.daddr, leg->out.remote, 4);
    packet->ip.check = 0;
    packet->ip.check = (uint16_t)~header_sum((void *)packet + sizeof packet->ethernet);
    packet->udp.source = leg->out.local_port;
    packet->udp.dest = leg->out.remote_port;
    return leave(skb, leg, __builtin_offsetof(struct ipv4_packet, udp), &before);
}

static inline int relay_ipv6(struct __sk_buff *skb)
{
    struct relay_fast_pair pair = {.version = RELAY_FAST_IPV6};
    if (!has(skb, sizeof(struct ipv6_packet)))
        return TO_NEXT;
    struct ipv6_packet *packet = data_of(skb);
    if ((void *)(packet + 1) > end_of(skb))
        return TO_NEXT;
    uint32_t size = to_network(packet->ip.payload_len), datagram = to_network(packet->udp.len) - sizeof packet->udp;
    if (packet->ip.version != 6 || packet->ip.nexthdr != UDP || size > RELAY_FAST_BYTES - sizeof packet->ip ||
        size > skb->len - ETH_HLEN - sizeof packet->ip || size != sizeof packet->udp + datagram)
        return TO_NEXT;
    __builtin_memcpy(pair.local, &packet->ip.daddr, 16);
    __builtin_memcpy(pair.remote, &packet->ip.saddr, 16);
    pair.local_port = packet->udp.dest;
    pair.remote_port = packet->udp.source;
    struct relay_fast_leg *leg = find(skb, &pair);
    if (leg == 0 || packet->udp.check == 0 || /* RFC 8200 section 8.1: a packet to be dropped */
        !rtp_fits(skb, packet->rtp, __builtin_offsetof(struct ipv6_packet, rtp), datagram))
        return TO_NEXT;
    count(leg, packet->rtp, datagram);

    struct udphdr before = packet->udp;
    packet->ip.priority = leg->traffic_class >> 4;
    packet->ip.flow_lbl[0] = (uint8_t)(leg->traffic_class << 4);
    packet->ip.flow_lbl[1] = packet->ip.flow_lbl[2] = 0;
    packet->ip.hop_limit = leg->hop_limit;
    __builtin_memcpy(&packet->ip.saddr, leg->out.local, 16);
    __builtin_memcpy(&packet->ip.daddr, leg->out.remote, 16);
    packet->udp.source = leg->out.local_port;
    packet->udp.dest = leg->out.remote_port;
    return leave(skb, leg, __builtin_offsetof(struct ipv6_packet, udp), &before);
}

SECTION("tc") int relay_fast(struct __sk_buff *skb)
{
    if (skb->pkt_type != THIS_HOST || skb->vlan_present || skb->gso_size != 0)
        return TO_NEXT;
    if (skb->protocol == to_network(ETH_P_IP))
        return relay_ipv4(skb);
    return skb->protocol == to_network(ETH_P_IPV6) ? relay_ipv6(skb) : TO_NEXT;
}

char license_name[] SECTION("license") = "Apache-2.0"; /* no function of the kernel it calls asks for the GPL */
