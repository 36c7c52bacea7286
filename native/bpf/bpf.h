/* What a program needs of the kernel: its structures, and its functions by their numbers. */
#ifndef BPF_H
#define BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))
#define BPF_NUMBER(name, value) int(*name)[value]
#define BPF_TYPE(name, value) __typeof__(value) *name

#define to_network(value) __builtin_bswap16(value)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "built for the machine it runs on, which is one of these");

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*const bpf_redirect_neigh)(__u32 interface, void *params, int size, __u64 flags) = (void *)BPF_FUNC_redirect_neigh;
static long (*const bpf_skb_pull_data)(struct __sk_buff *skb, __u32 size) = (void *)BPF_FUNC_skb_pull_data;
static long (*const bpf_skb_load_bytes)(const void *skb, __u32 offset, void *to, __u32 size) = (void *)BPF_FUNC_skb_load_bytes;
static long (*const bpf_l4_csum_replace)(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags) =
    (void *)BPF_FUNC_l4_csum_replace;

#endif
