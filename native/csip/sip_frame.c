/* Framing of a stream (RFC 3261 section 18.3). Says the same for a message however its bytes arrive. */
#include "sip_chars.h"
#include "sip_scan.h"

/* Could these first bytes of an unfinished start line still become one? A stranger's TLS hello must not wait for a line end. */
static bool may_be_start(const char *data, size_t size) {
    size_t p = 0;
    while (p < size && sip_is(data[p], SIP_CHAR_TOKEN)) p++;
    return p == size || data[p] == ' ' || data[p] == '/' || (data[p] == '\r' && p == 0);
}

/* The header lines from `at` on, of which only Content-Length is kept. */
static struct sip_fault frame_headers(const char *data, size_t size, size_t *at, int64_t *length) {
    struct sip_line line;
    struct sip_fault fault = {SIP_OK, SIP_OTHER};
    *length = -1;
    for (uint32_t count = 0;; count++) {
        int empty = sip_scan_empty_line(data, size, *at);
        if (empty < 0) return (struct sip_fault){SIP_INCOMPLETE, SIP_OTHER};
        if (empty > 0) {
            *at += (size_t)empty;
            return fault;
        }
        if (count == SIP_MAX_HEADERS) return (struct sip_fault){SIP_TOO_MANY_HEADERS, SIP_OTHER};
        fault.error = sip_scan_line(data, size, *at, false, &line, at);
        if (fault.error != SIP_OK) return fault;
        int64_t one;
        fault = sip_scan_length(data, &line, 1, &one);
        if (fault.error == SIP_OK && one >= 0 && *length >= 0 && one != *length)
            fault = (struct sip_fault){SIP_CONFLICT, SIP_CONTENT_LENGTH};
        if (fault.error != SIP_OK) return fault;
        if (one >= 0) *length = one;
    }
}

struct sip_fault sip_frame(const char *data, size_t size, size_t *length) {
    struct sip_message start = {0};
    int64_t body;
    /* nothing past the limit is looked at, so that a message is judged the same with or without what follows it */
    size_t seen = size < SIP_MAX_MESSAGE_BYTES ? size : SIP_MAX_MESSAGE_BYTES;
    size_t at = sip_scan_leading(data, seen);
    start.start_at = (uint32_t)at;
    struct sip_fault fault = {SIP_INCOMPLETE, SIP_OTHER};
    if (at < seen) fault.error = sip_scan_start(&start, data, seen);
    if (fault.error == SIP_INCOMPLETE && at < seen && !may_be_start(data + at, seen - at)) fault.error = SIP_NOT_SIP;
    if (fault.error == SIP_OK) {
        at += start.start_size;
        fault = frame_headers(data, seen, &at, &body);
    }
    if (fault.error == SIP_INCOMPLETE && size > SIP_MAX_MESSAGE_BYTES) fault.error = SIP_TOO_LARGE;
    if (fault.error != SIP_OK) return fault;
    if (body < 0) return (struct sip_fault){SIP_MISSING, SIP_CONTENT_LENGTH};
    if (at + (uint64_t)body > SIP_MAX_MESSAGE_BYTES) return (struct sip_fault){SIP_TOO_LARGE, SIP_OTHER};
    *length = at + (size_t)body;
    return (struct sip_fault){*length > size ? SIP_INCOMPLETE : SIP_OK, SIP_OTHER};
}
