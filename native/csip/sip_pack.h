/* MessagePack, as stored records are written: heads of values. Each takes at most SIP_PACK_HEAD bytes and returns the end. */
#ifndef SIP_PACK_H
#define SIP_PACK_H

#include <endian.h>

#include "sip_base.h"

#define SIP_PACK_HEAD 9

enum {
    SIP_PACK_FIXARRAY = 0x90,
    SIP_PACK_FIXSTR = 0xa0,
    SIP_PACK_NIL = 0xc0,
    SIP_PACK_FALSE = 0xc2,
    SIP_PACK_TRUE = 0xc3,
    SIP_PACK_BIN8 = 0xc4,
    SIP_PACK_FLOAT64 = 0xcb,
    SIP_PACK_UINT8 = 0xcc,
    SIP_PACK_INT64 = 0xd3,
    SIP_PACK_STR8 = 0xd9,
    SIP_PACK_STR16 = 0xda,
    SIP_PACK_ARRAY16 = 0xdc,
};

static inline char *sip_pack_bytes(char *out, uint64_t number, size_t size) {
    for (size_t i = size; i--; number >>= 8) out[i] = (char)number;
    return out + size;
}

/* `first`: the kind with one byte, after which come those with 2, 4 and 8. */
static inline char *sip_pack_sized(char *out, int first, uint64_t number) {
    int power = number <= UINT8_MAX ? 0 : number <= UINT16_MAX ? 1 : number <= UINT32_MAX ? 2 : 3;
    *out = (char)(first + power);
    return sip_pack_bytes(out + 1, number, (size_t)1 << power);
}

static inline char *sip_pack_unsigned(char *out, uint64_t number) {
    return number < 0x80 ? sip_pack_bytes(out, number, 1) : sip_pack_sized(out, SIP_PACK_UINT8, number);
}

static inline char *sip_pack_signed(char *out, int64_t number) {
    if (number >= 0) return sip_pack_unsigned(out, (uint64_t)number);
    *out = (char)SIP_PACK_INT64;
    return sip_pack_bytes(out + 1, (uint64_t)number, sizeof number);
}

static inline char *sip_pack_double(char *out, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    *out = (char)SIP_PACK_FLOAT64;
    bits = htobe64(bits);
    memcpy(out + 1, &bits, sizeof bits);
    return out + 1 + sizeof bits;
}

/* What a text, bytes or an array begins with; they hold less than 2^32. */
static inline char *sip_pack_text(char *out, size_t size) {
    return size < 32 ? sip_pack_bytes(out, SIP_PACK_FIXSTR | size, 1) : sip_pack_sized(out, SIP_PACK_STR8, size);
}

static inline char *sip_pack_bin(char *out, size_t size) { return sip_pack_sized(out, SIP_PACK_BIN8, size); }

static inline char *sip_pack_array(char *out, size_t count) {
    if (count < 16) return sip_pack_bytes(out, SIP_PACK_FIXARRAY | count, 1);
    bool big = count > UINT16_MAX;
    *out = (char)(SIP_PACK_ARRAY16 + big);
    return sip_pack_bytes(out + 1, count, big ? 4 : 2);
}

#endif
