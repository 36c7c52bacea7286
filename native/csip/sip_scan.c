/* One pass over the bytes: start line, header lines, the empty line. CRLF ends a line, a bare LF as well; a bare CR is refused,
 * because two readers could see two different messages in it. */
#include "sip_scan.h"

#include "sip_chars.h"

size_t sip_scan_leading(const char *data, size_t size) {
    size_t at = 0;
    while (at < size && (data[at] == '\n' || (data[at] == '\r' && at + 1 < size && data[at + 1] == '\n')))
        at += data[at] == '\n' ? 1 : 2;
    return at;
}

int sip_scan_empty_line(const char *data, size_t size, size_t at) {
    if (at >= size) return -1;
    if (data[at] == '\n') return 1;
    if (data[at] != '\r') return 0;
    if (at + 1 >= size) return -1;
    return data[at + 1] == '\n' ? 2 : 0;
}

/* Ends of the physical line at `at`: *content without the line end, *next behind it. */
static enum sip_error scan_line_end(const char *data, size_t size, size_t at, size_t *content, size_t *next) {
    const char *lf = memchr(data + at, '\n', size - at);
    if (!lf) return size - at > SIP_MAX_LINE_BYTES ? SIP_LINE_TOO_LONG : SIP_INCOMPLETE;
    size_t end = (size_t)(lf - data);
    *next = end + 1;
    if (*next - at > SIP_MAX_LINE_BYTES) return SIP_LINE_TOO_LONG;
    if (end > at && data[end - 1] == '\r') end--;
    *content = end;
    return memchr(data + at, '\r', end - at) ? SIP_BARE_CR : SIP_OK;
}

static bool is_blank(char c) { return (unsigned char)c <= ' ' && (sip_is_space(c) || c == '\r' || c == '\n'); }

static void trim_value(const char *data, struct sip_line *line, size_t from, size_t to) {
    while (from < to && is_blank(data[from])) from++;
    while (to > from && is_blank(data[to - 1])) to--;
    line->value_at = (uint16_t)(from - line->at);
    line->value_size = (uint16_t)(to - from);
}

/* The name and its colon; *value is behind the colon. */
static enum sip_error scan_name(const char *data, size_t content, struct sip_line *line, size_t *value) {
    size_t p = line->at;
    while (p < content && sip_is(data[p], SIP_CHAR_TOKEN)) p++;
    size_t name_size = p - line->at;
    while (p < content && sip_is_space(data[p])) p++;
    if (name_size == 0 || p == content || data[p] != ':') return SIP_BAD_HEADER_LINE;
    line->name_size = (uint16_t)name_size;
    *value = p + 1;
    return SIP_OK;
}

/* Whether the line at `at` is as nearly all are: it ends with CRLF, has no CR else, and the next one is there and not folded. */
static bool is_plain_line(const char *data, size_t size, size_t at, size_t *content, size_t *next) {
    const char *lf = memchr(data + at, '\n', size - at);
    size_t end = lf ? (size_t)(lf - data) : size;
    if (end + 1 >= size || end == at || end - at >= SIP_MAX_LINE_BYTES || lf[-1] != '\r' || sip_is_space(lf[1])) return false;
    *content = end - 1;
    *next = end + 1;
    return !memchr(data + at, '\r', end - 1 - at);
}

/* Whether the line that ends before `next` has no CR there. */
static bool ends_bare(size_t content, size_t next) { return next - content == 1; }

/* Ends of the line at `at` with those folded into it. */
static enum sip_error scan_folded(const char *data, size_t size, size_t at, bool at_end, struct sip_line *line, size_t *content,
    size_t *next) {
    enum sip_error error = scan_line_end(data, size, at, content, next);
    bool bare_cr = false;
    while (error == SIP_OK || error == SIP_BARE_CR) {
        bare_cr |= error == SIP_BARE_CR;
        if (ends_bare(*content, *next)) line->flags |= SIP_LINE_BARE_LF;
        if (*next - at > SIP_MAX_LINE_BYTES) return SIP_LINE_TOO_LONG;
        if (*next >= size && !at_end) return SIP_INCOMPLETE;
        if (*next >= size || !sip_is_space(data[*next])) break;
        line->flags |= SIP_LINE_FOLDED;
        error = scan_line_end(data, size, *next, content, next);
    }
    if (error != SIP_OK && error != SIP_BARE_CR) return size - at > SIP_MAX_LINE_BYTES ? SIP_LINE_TOO_LONG : error;
    return bare_cr ? SIP_BARE_CR : SIP_OK;
}

enum sip_error sip_scan_line(const char *data, size_t size, size_t at, bool at_end, struct sip_line *line, size_t *next) {
    size_t content = 0, value = 0;
    line->at = (uint32_t)at;
    line->flags = 0;
    bool plain = is_plain_line(data, size, at, &content, next);
    enum sip_error error = plain ? SIP_OK : scan_folded(data, size, at, at_end, line, &content, next);
    if (error != SIP_OK) return error;
    line->size = (uint16_t)(*next - at);
    error = scan_name(data, content, line, &value);
    if (error != SIP_OK) return error;
    line->id = sip_name_find((struct sip_slice){data + at, line->name_size});
    trim_value(data, line, value, content);
    return SIP_OK;
}

static bool starts_with_sip(const char *p, size_t size) {
    return size >= 4 && (p[0] | 0x20) == 's' && (p[1] | 0x20) == 'i' && (p[2] | 0x20) == 'p' && p[3] == '/';
}

/* "2.0" in "SIP/2.0": digits, dot, digits up to `end`. */
static bool scan_version(struct sip_message *message, const char *data, size_t at, size_t end) {
    if (!starts_with_sip(data + at, end - at)) return false;
    struct sip_slice version = {data + at + 4, end - at - 4};
    const char *dot = memchr(version.at, '.', version.size);
    if (!dot) return false;
    message->version_at = (uint32_t)(at + 4);
    message->version_size = (uint32_t)version.size;
    return sip_all(sip_slice_of(version.at, dot), SIP_CHAR_DIGIT) &&
           sip_all(sip_slice_of(dot + 1, version.at + version.size), SIP_CHAR_DIGIT);
}

/* RFC 3261 section 7.2: SIP-Version SP Status-Code SP Reason-Phrase. */
static enum sip_error scan_status_line(struct sip_message *message, const char *data, size_t at, size_t end) {
    const char *space = memchr(data + at, ' ', end - at);
    if (!space || !scan_version(message, data, at, (size_t)(space - data))) return SIP_NOT_SIP;
    const char *code = space + 1;
    size_t left = (size_t)(data + end - code);
    if (left < 3 || !sip_all((struct sip_slice){code, 3}, SIP_CHAR_DIGIT)) return SIP_BAD_STATUS;
    if (left > 3 && code[3] != ' ') return SIP_BAD_STATUS;
    unsigned status = (unsigned)(code[0] - '0') * 100 + (unsigned)(code[1] - '0') * 10 + (unsigned)(code[2] - '0');
    if (status < 100 || status > 699) return SIP_BAD_STATUS;
    message->status = (uint16_t)status;
    message->reason_at = (uint32_t)(code - data) + (left > 3 ? 4 : 3);
    message->reason_size = (uint32_t)end - message->reason_at;
    return SIP_OK;
}

/* RFC 3261 section 7.1: Method SP Request-URI SP SIP-Version, single spaces and nothing behind. */
static enum sip_error scan_request_line(struct sip_message *message, const char *data, size_t at, size_t end) {
    size_t p = at;
    while (p < end && sip_is(data[p], SIP_CHAR_TOKEN)) p++;
    message->method_size = (uint32_t)(p - at);
    if (message->method_size == 0 || p == end || data[p] != ' ') return SIP_NOT_SIP;
    size_t uri = ++p;
    while (p < end && data[p] != ' ' && data[p] != '\t') p++;
    message->raw_uri_at = message->uri_at = (uint32_t)uri;
    message->raw_uri_size = message->uri_size = (uint32_t)(p - uri);
    if (message->uri_size == 0 || p == end || data[p] != ' ') return SIP_BAD_START_LINE;
    return scan_version(message, data, p + 1, end) ? SIP_OK : SIP_BAD_START_LINE;
}

enum sip_error sip_scan_start(struct sip_message *message, const char *data, size_t size) {
    size_t content = 0, next = 0, at = message->start_at;
    enum sip_error error = scan_line_end(data, size, at, &content, &next);
    if (error != SIP_OK) return error;
    message->start_size = (uint32_t)(next - at);
    message->bare_lf = ends_bare(content, next);
    return starts_with_sip(data + at, content - at) ? scan_status_line(message, data, at, content)
                                                    : scan_request_line(message, data, at, content);
}

struct sip_fault sip_scan_length(const char *data, const struct sip_line *lines, size_t count, int64_t *length) {
    *length = -1;
    for (size_t i = 0; i < count; i++) {
        if (lines[i].id != SIP_CONTENT_LENGTH) continue;
        uint32_t number = 0;
        struct sip_slice value = {data + lines[i].at + lines[i].value_at, lines[i].value_size};
        enum sip_error error = sip_number(value, UINT32_MAX, &number);
        if (error == SIP_OK && *length >= 0 && *length != number) error = SIP_CONFLICT;
        if (error != SIP_OK) return (struct sip_fault){error, SIP_CONTENT_LENGTH};
        *length = number;
    }
    return (struct sip_fault){SIP_OK, SIP_OTHER};
}
