/* Character classes of RFC 3261 section 25.1, one table look-up each. */
#ifndef SIP_CHARS_H
#define SIP_CHARS_H

#include "sip_base.h"

enum {
    SIP_CHAR_TOKEN = 1,
    SIP_CHAR_DIGIT = 2,
    SIP_CHAR_HEX = 4,
    SIP_CHAR_HOST = 8,   /* of a host name; "_" too, as names in use have it */
    SIP_CHAR_USER = 16,  /* of user, password: every visible character and UTF-8 that can't end it */
    SIP_CHAR_PARAM = 32, /* of a URI parameter, as liberal as that */
    SIP_CHAR_WORD = 64,  /* of a Call-ID */
    SIP_CHAR_ALPHA = 128,
    SIP_CHAR_VALUE = 256, /* of a header parameter without quotes: every visible character that separates nothing */
};

extern const uint16_t sip_chars[256];

static inline bool sip_is(char c, unsigned classes) { return sip_chars[(unsigned char)c] & classes; }

static inline bool sip_is_space(char c) { return c == ' ' || c == '\t'; }

/* ASCII only: headers, hosts and tokens are compared so (RFC 3261 section 7.3.1). */
static inline char sip_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }
static inline char sip_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c; }

/* A host as it is compared and shown: lower case, ":::" as "::". Into `out` with room for host.size bytes. */
size_t sip_host_text(struct sip_slice host, char *out);

/* Whatever way an IPv6 address is written. */
bool sip_same_host(struct sip_slice a, struct sip_slice b);

bool sip_same_letters(const char *a, const char *b, size_t size);
static inline bool sip_same_nocase(struct sip_slice a, struct sip_slice b) {
    return a.size == b.size && sip_same_letters(a.at, b.at, a.size);
}

struct sip_slice sip_trim(struct sip_slice text);

/* All of these classes, and not empty. */
static inline bool sip_all(struct sip_slice text, unsigned classes) {
    for (size_t i = 0; i < text.size; i++)
        if (!sip_is(text.at[i], classes)) return false;
    return text.size > 0;
}

/* Digits only, at most `max`; surrounding spaces are the caller's. */
enum sip_error sip_number(struct sip_slice text, uint32_t max, uint32_t *number);

/* Hex digits only, at most 8 of them. */
bool sip_hex(struct sip_slice text, uint32_t *number);

/* %XX are two hex digits wherever "%" stands. */
bool sip_escapes_valid(struct sip_slice text);

/* Next character of escaped text: decodes %XX; *was_escaped tells. `text` moves on; it must not be empty. */
unsigned char sip_unescape_next(struct sip_slice *text, bool *was_escaped);

/* "example.com", "192.0.2.1" or "[2001:db8::1]" at the front of `text`: moves `text` behind it, `host` is without brackets.
 * ":::", a bug of RFC 3261's grammar, passes (RFC 5118 section 4.10). */
enum sip_error sip_host(struct sip_slice *text, struct sip_slice *host, bool *is_ip);

#endif
