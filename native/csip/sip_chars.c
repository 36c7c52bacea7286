#include "sip_chars.h"

#include <arpa/inet.h>

#define T SIP_CHAR_TOKEN
#define D SIP_CHAR_DIGIT
#define X SIP_CHAR_HEX
#define H SIP_CHAR_HOST
#define U SIP_CHAR_USER
#define P SIP_CHAR_PARAM
#define W SIP_CHAR_WORD
#define A SIP_CHAR_ALPHA
#define V SIP_CHAR_VALUE

const uint16_t sip_chars[256] = {
    ['0' ... '9'] = T | D | X | H | U | P | W | V,
    ['A' ... 'F'] = T | X | H | U | P | W | A | V,
    ['G' ... 'Z'] = T | H | U | P | W | A | V,
    ['a' ... 'f'] = T | X | H | U | P | W | A | V,
    ['g' ... 'z'] = T | H | U | P | W | A | V,
    ['-'] = T | H | U | P | W | V,
    ['.'] = T | H | U | P | W | V,
    ['_'] = T | H | U | P | W | V,
    ['!'] = T | U | P | W | V,
    ['%'] = T | U | P | W | V,
    ['*'] = T | U | P | W | V,
    ['+'] = T | U | P | W | V,
    ['`'] = T | U | P | W | V,
    ['\''] = T | U | P | W | V,
    ['~'] = T | U | P | W | V,
    ['('] = U | P | W | V,
    [')'] = U | P | W | V,
    ['<'] = W,
    ['>'] = W,
    [':'] = P | W | V,
    ['\\'] = U | P | W | V,
    ['"'] = W,
    ['/'] = U | P | W | V,
    ['['] = U | P | W | V,
    [']'] = U | P | W | V,
    ['?'] = U | W | V,
    ['{'] = U | P | W | V,
    ['}'] = U | P | W | V,
    ['&'] = U | P | V,
    ['='] = U | P | V,
    ['$'] = U | P | V,
    [','] = U | P,
    [';'] = U,
    ['#'] = U | P | V,
    ['^'] = U | P | V,
    ['|'] = U | P | V,
    [0x80 ... 0xff] = U | P | V,
    ['@'] = V,
};

bool sip_same_letters(const char *a, const char *b, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i] && sip_lower(a[i]) != sip_lower(b[i])) return false;
    return true;
}

struct sip_slice sip_trim(struct sip_slice text) {
    while (text.size && sip_is_space(*text.at)) text.at++, text.size--;
    while (text.size && sip_is_space(text.at[text.size - 1])) text.size--;
    return text;
}

enum sip_error sip_number(struct sip_slice text, uint32_t max, uint32_t *number) {
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (digit > 9) return SIP_NOT_A_NUMBER;
        if (sum <= max) sum = sum * 10 + digit;
    }
    if (!text.size) return SIP_NOT_A_NUMBER;
    if (sum > max) return SIP_OUT_OF_RANGE;
    *number = (uint32_t)sum;
    return SIP_OK;
}

/* Of a hex digit. */
static unsigned hex_value(char c) { return ((unsigned)c & 15) + (c > '9' ? 9 : 0); }

bool sip_hex(struct sip_slice text, uint32_t *number) {
    uint32_t sum = 0;
    if (text.size > 8) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!sip_is(text.at[i], SIP_CHAR_HEX)) return false;
        sum = sum << 4 | hex_value(text.at[i]);
    }
    *number = sum;
    return text.size > 0;
}

bool sip_escapes_valid(struct sip_slice text) {
    const char *p = text.at, *end = p + text.size;
    while (p < end && (p = memchr(p, '%', (size_t)(end - p)))) {
        if (end - p < 3 || !sip_is(p[1], SIP_CHAR_HEX) || !sip_is(p[2], SIP_CHAR_HEX)) return false;
        p += 3;
    }
    return true;
}

unsigned char sip_unescape_next(struct sip_slice *text, bool *was_escaped) {
    const char *at = text->at;
    *was_escaped = *at == '%' && text->size >= 3 && sip_is(at[1], SIP_CHAR_HEX) && sip_is(at[2], SIP_CHAR_HEX);
    size_t used = *was_escaped ? 3 : 1;
    text->at += used;
    text->size -= used;
    return *was_escaped ? (unsigned char)(hex_value(at[1]) << 4 | hex_value(at[2])) : (unsigned char)*at;
}

size_t sip_host_text(struct sip_slice host, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < host.size; i++)
        if (host.at[i] != ':' || i < 2 || host.at[i - 1] != ':' || host.at[i - 2] != ':') out[used++] = sip_lower(host.at[i]);
    return used;
}

#define IPV6_BYTES 16

static bool read_ipv6(struct sip_slice host, unsigned char address[IPV6_BYTES]) {
    char copy[INET6_ADDRSTRLEN + 1];
    if (host.size >= sizeof copy || memchr(host.at, 0, host.size)) return false;
    copy[sip_host_text(host, copy)] = 0;
    return inet_pton(AF_INET6, copy, address) == 1;
}

static bool is_ipv6(struct sip_slice host) {
    unsigned char address[IPV6_BYTES];
    return read_ipv6(host, address);
}

bool sip_same_host(struct sip_slice a, struct sip_slice b) {
    unsigned char one[IPV6_BYTES], other[IPV6_BYTES];
    if (sip_same_nocase(a, b)) return true;
    return read_ipv6(a, one) && read_ipv6(b, other) && memcmp(one, other, IPV6_BYTES) == 0;
}

/* The end of four numbers up to 255 without zeros in front, as inet_pton has them, or NULL. */
static const char *ipv4_end(const char *p, const char *end) {
    for (int part = 0; part < 4; part++) {
        if (part && (p == end || *p++ != '.')) return NULL;
        const char *first = p;
        unsigned number = 0;
        while (p < end && p - first < 3 && sip_is(*p, SIP_CHAR_DIGIT)) number = number * 10 + (unsigned)(*p++ - '0');
        if (p == first || number > 255 || (p - first > 1 && *first == '0')) return NULL;
    }
    return p;
}

/* The end of a name, or NULL for an empty label that isn't the one behind a last dot. */
static const char *name_end(const char *p, const char *end) {
    for (char before = '.'; p < end && sip_is(*p, SIP_CHAR_HOST); before = *p++)
        if (*p == '.' && before == '.') return NULL;
    return p;
}

enum sip_error sip_host(struct sip_slice *text, struct sip_slice *host, bool *is_ip) {
    const char *end = text->at + text->size;
    const char *p = text->at;
    if (text->size && *p == '[') {
        const char *close = memchr(p, ']', text->size);
        if (!close) return SIP_BAD_HOST;
        *host = sip_slice_of(p + 1, close);
        *is_ip = true;
        if (!is_ipv6(*host)) return SIP_BAD_HOST;
        p = close + 1;
    } else {
        const char *number_end = text->size && sip_is(*p, SIP_CHAR_DIGIT) ? ipv4_end(p, end) : NULL;
        *is_ip = number_end && (number_end == end || !sip_is(*number_end, SIP_CHAR_HOST));
        p = *is_ip ? number_end : name_end(p, end);
        if (!p || p == text->at) return SIP_BAD_HOST;
        *host = sip_slice_of(text->at, p);
    }
    *text = sip_slice_of(p, end);
    return SIP_OK;
}
