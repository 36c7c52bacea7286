/* Life of a message: scan, salvage, copy, free, look-up. */
#include "sip_message.h"

#include <stdlib.h>

#include "sip_chars.h"
#include "sip_scan.h"

#define SPARE_LINES 4

void sip_message_clear(struct sip_message *message) {
    memset(message, 0, offsetof(struct sip_message, known.top_via));
    message->lines = message->own_lines;
    message->line_room = SIP_OWN_LINES;
    message->text = message->own_text;
    message->text_room = SIP_OWN_TEXT;
}

/* A line is in one place, with all that was read of it. */
static bool is_within(struct sip_slice line, const char *text, size_t size) { return line.at >= text && line.at < text + size; }

void sip_forget_known_in(struct sip_message *message, const char *text, size_t size) {
    struct sip_known *known = &message->known;
    known->via = known->via && !is_within(known->top_via.text, text, size);
    known->from = known->from && !is_within(known->from_uri, text, size);
    known->to = known->to && !is_within(known->to_uri.text, text, size);
    known->uri = known->uri && !is_within(known->request_uri.text, text, size);
    known->contact = known->contact && !is_within(known->first_contact.text, text, size);
    known->cseq = known->cseq && !is_within(known->cseq_method, text, size);
}

/* The table of a message that has none, with room for the few lines a proxy adds. */
static enum sip_error keep_lines(struct sip_message *message, const struct sip_line *lines, uint32_t count) {
    if (count + SPARE_LINES > SIP_OWN_LINES) {
        struct sip_line *room = malloc((count + SPARE_LINES) * sizeof *lines);
        if (!room) return SIP_NO_MEMORY;
        message->lines = room;
        message->line_room = count + SPARE_LINES;
    }
    memcpy(message->lines, lines, count * sizeof *lines);
    message->line_count = count;
    return SIP_OK;
}

/* A datagram may end with its last header line: devices in use leave the empty line out. It leaves with one. */
static enum sip_error scan_headers(struct sip_message *message, struct sip_line *lines, uint32_t *count) {
    const char *raw = message->raw;
    size_t size = message->raw_size, at = message->start_at + message->start_size;
    for (*count = 0;; ++*count) {
        int empty = at == size ? 0 : sip_scan_empty_line(raw, size, at);
        if (empty < 0) return SIP_HEADERS_NOT_ENDED;
        if (empty > 0 || at == size) {
            message->end_at = (uint32_t)at;
            message->end_size = (uint32_t)empty;
            message->bare_lf |= empty == 1;
            return SIP_OK;
        }
        if (*count == SIP_MAX_HEADERS) return SIP_TOO_MANY_HEADERS;
        enum sip_error error = sip_scan_line(raw, size, at, true, &lines[*count], &at);
        if (error != SIP_OK) return error == SIP_INCOMPLETE ? SIP_HEADERS_NOT_ENDED : error;
        message->bare_lf |= lines[*count].flags & SIP_LINE_BARE_LF;
    }
}

static struct sip_fault scan_body(struct sip_message *message, const struct sip_line *lines, uint32_t count) {
    int64_t length;
    struct sip_fault fault = sip_scan_length(message->raw, lines, count, &length);
    if (fault.error != SIP_OK) return fault;
    uint32_t at = message->end_at + message->end_size, there = message->raw_size - at;
    if (length > (int64_t)there) return (struct sip_fault){SIP_BODY_TOO_SHORT, SIP_CONTENT_LENGTH};
    message->body = message->raw + at;
    message->body_size = length < 0 ? there : (uint32_t)length;
    message->trailing = there - message->body_size;
    return fault;
}

struct sip_fault sip_message_scan(struct sip_message *message, const char *raw, size_t size) {
    struct sip_line lines[SIP_MAX_HEADERS];
    struct sip_fault fault = {SIP_OK, SIP_OTHER};
    uint32_t count = 0;
    sip_message_clear(message);
    if (size > SIP_MAX_MESSAGE_BYTES) return (struct sip_fault){SIP_TOO_LARGE, SIP_OTHER};
    message->raw = raw;
    message->raw_size = (uint32_t)size;
    message->start_at = (uint32_t)sip_scan_leading(raw, size);
    if (message->start_at == size) return (struct sip_fault){SIP_EMPTY, SIP_OTHER};
    fault.error = sip_scan_start(message, raw, size);
    if (fault.error == SIP_INCOMPLETE) fault.error = SIP_NOT_SIP;
    if (fault.error == SIP_OK) fault.error = scan_headers(message, lines, &count);
    if (fault.error == SIP_OK) fault = scan_body(message, lines, count);
    if (fault.error == SIP_OK) fault.error = keep_lines(message, lines, count);
    return fault;
}

/* Those before the body that stand alone. */
static bool is_bare_lf(const struct sip_message *message, size_t at) {
    return message->raw[at] == '\n' && (at == message->start_at || message->raw[at - 1] != '\r');
}

size_t sip_with_crlf_size(const struct sip_message *message) {
    size_t size = message->raw_size - message->start_at;
    for (size_t at = message->start_at; at < message->end_at + message->end_size; at++) size += is_bare_lf(message, at);
    return size;
}

void sip_with_crlf(const struct sip_message *message, char *out) {
    size_t body_at = message->end_at + message->end_size;
    for (size_t at = message->start_at; at < body_at; at++) {
        if (is_bare_lf(message, at)) *out++ = '\r';
        *out++ = message->raw[at];
    }
    memcpy(out, message->raw + body_at, message->raw_size - body_at);
}

static void salvage_headers(struct sip_message *message, struct sip_line *lines, uint32_t *count, size_t at) {
    const char *raw = message->raw;
    size_t size = message->raw_size;
    while (*count < SIP_MAX_HEADERS && at < size && sip_scan_empty_line(raw, size, at) == 0) {
        size_t next = 0;
        enum sip_error error = sip_scan_line(raw, size, at, true, &lines[*count], &next);
        if (error == SIP_OK) {
            ++*count;
            at = next;
            continue;
        }
        const char *lf = memchr(raw + at, '\n', size - at);
        if (!lf) return;
        at = (size_t)(lf + 1 - raw);
    }
}

enum sip_error sip_message_salvage(struct sip_message *message, const char *raw, size_t size) {
    struct sip_line lines[SIP_MAX_HEADERS];
    uint32_t count = 0;
    sip_message_clear(message);
    if (size > SIP_MAX_MESSAGE_BYTES) size = SIP_MAX_MESSAGE_BYTES;
    size_t start = sip_scan_leading(raw, size);
    const char *lf = memchr(raw + start, '\n', size - start);
    if (!lf || (size - start >= 4 && sip_same_nocase((struct sip_slice){raw + start, 4}, SIP_TEXT("SIP/")))) return SIP_NOT_SIP;
    message->raw = raw;
    message->raw_size = (uint32_t)size;
    message->start_at = (uint32_t)start;
    size_t headers = (size_t)(lf + 1 - raw);
    if (sip_scan_start(message, raw, size) != SIP_OK) {
        message->method_size = message->uri_size = message->raw_uri_size = message->version_size = 0;
        message->start_size = (uint32_t)(headers - start);
    }
    message->status = 0;
    salvage_headers(message, lines, &count, headers);
    message->body = raw + size;
    message->end_at = (uint32_t)size;
    return keep_lines(message, lines, count);
}

/* Of a message that has none. */
static enum sip_error keep_text(struct sip_message *message, const char *text, uint32_t size) {
    if (size > SIP_OWN_TEXT) {
        char *room = malloc(size);
        if (!room) return SIP_NO_MEMORY;
        message->text = room;
        message->text_room = size;
    }
    memcpy(message->text, text, size);
    message->text_size = size;
    return SIP_OK;
}

static void copy_fields(struct sip_message *copy, const struct sip_message *message) {
    memcpy(copy, message, offsetof(struct sip_message, own_lines));
    sip_forget_known_in(copy, message->text, message->text_size);
    copy->lines = copy->own_lines;
    copy->line_count = 0;
    copy->line_room = SIP_OWN_LINES;
    copy->text = copy->own_text;
    copy->text_size = 0;
    copy->text_room = SIP_OWN_TEXT;
}

enum sip_error sip_message_copy(struct sip_message *copy, const struct sip_message *message) {
    copy_fields(copy, message);
    if (keep_text(copy, message->text, message->text_size) == SIP_OK &&
        keep_lines(copy, message->lines, message->line_count) == SIP_OK)
        return SIP_OK;
    sip_message_free(copy);
    return SIP_NO_MEMORY;
}

void sip_message_free(struct sip_message *message) {
    if (message->lines != message->own_lines) free(message->lines);
    if (message->text != message->own_text) free(message->text);
    sip_message_clear(message);
}

struct sip_slice sip_message_uri(const struct sip_message *message) {
    return (struct sip_slice){(message->uri_edited ? message->text : message->raw) + message->uri_at, message->uri_size};
}

struct sip_wanted sip_want(struct sip_slice name) {
    return (struct sip_wanted){name.size && sip_all(name, SIP_CHAR_TOKEN) ? sip_name_find(name) : SIP_OTHER, name};
}

uint32_t sip_line_find(const struct sip_message *message, struct sip_wanted wanted, uint32_t from) {
    for (; from < message->line_count; from++) {
        const struct sip_line *line = &message->lines[from];
        if (line->id != wanted.id) continue;
        if (wanted.id != SIP_OTHER || sip_same_nocase(sip_line_name(message, line), wanted.name)) break;
    }
    return from;
}
