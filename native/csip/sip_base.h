/* What every file of the core shares: slices, limits, errors. No file of the core includes Python.h.
 *
 * A slice borrows bytes of a buffer that somebody else owns; it is never NUL-terminated. `at` is NULL when the thing
 * it names is absent, and not NULL with size 0 when it is present and empty. */
#ifndef SIP_BASE_H
#define SIP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIP_MAX_MESSAGE_BYTES 65535u
#define SIP_MAX_HEADERS 256u
#define SIP_MAX_LINE_BYTES 16384u
#define SIP_MAX_EDITED_LINE_BYTES 65000u

struct sip_slice {
    const char *at;
    size_t size;
};

enum sip_error {
    SIP_OK = 0,
    SIP_INCOMPLETE, /* framing: more bytes are needed */
    SIP_NO_MEMORY,
    SIP_TOO_LARGE,
    SIP_EMPTY,
    SIP_NOT_SIP,
    SIP_BAD_START_LINE,
    SIP_BAD_STATUS,
    SIP_BAD_HEADER_LINE,
    SIP_BARE_CR,
    SIP_TOO_MANY_HEADERS,
    SIP_LINE_TOO_LONG,
    SIP_HEADERS_NOT_ENDED,
    SIP_BODY_TOO_SHORT,
    SIP_BAD_VERSION,
    SIP_MISSING,
    SIP_REPEATED,
    SIP_METHOD_MISMATCH,
    SIP_NOT_A_NUMBER,
    SIP_OUT_OF_RANGE,
    SIP_BAD_TOKEN,
    SIP_BAD_QUOTED_STRING,
    SIP_BAD_BRACKETS,
    SIP_BAD_PARAMETER,
    SIP_BAD_SCHEME,
    SIP_BAD_USER,
    SIP_BAD_HOST,
    SIP_BAD_PORT,
    SIP_BAD_ESCAPE,
    SIP_BAD_URI_HEADERS,
    SIP_UNBRACKETED_URI,
    SIP_BAD_CHARACTER,
    SIP_CONFLICT,
    SIP_ERROR_COUNT
};

/* What is wrong, in a few words, and the status that answers it. */
const char *sip_error_text(enum sip_error error);
int sip_error_status(enum sip_error error);

/* Reason phrase of the registry for a status; "Unknown" classes fall back to the class's x00 text. */
const char *sip_reason_phrase(int status);

/* CRC-32 (IEEE 802.3) of a slice. */
uint32_t sip_crc32(struct sip_slice text);

/* Its place in a table of a power of two of them, where meeting others does no harm: whoever chooses texts can have them meet. */
uint64_t sip_spread(struct sip_slice text);

static inline struct sip_slice sip_slice_of(const char *at, const char *end) {
    return (struct sip_slice){at, (size_t)(end - at)};
}

#define SIP_TEXT(literal) ((struct sip_slice){literal, sizeof(literal) - 1})

static inline bool sip_same(struct sip_slice a, struct sip_slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

#endif
