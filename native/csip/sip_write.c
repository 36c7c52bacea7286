/* The bytes of a message with its edits: runs of untouched lines are copied at once. */
#include <stdio.h>

#include "sip_message.h"

#define LENGTH_LINE_MAX 32

/* The empty line as it came; CRLF for a message that came without. */
static struct sip_slice empty_line(const struct sip_message *message) {
    return message->end_size ? (struct sip_slice){message->raw + message->end_at, message->end_size} : SIP_TEXT("\r\n");
}

static size_t length_line(const struct sip_message *message, bool add_length, char line[LENGTH_LINE_MAX]) {
    if (!add_length || sip_line_find(message, (struct sip_wanted){.id = SIP_CONTENT_LENGTH}, 0) < message->line_count) return 0;
    return (size_t)snprintf(line, LENGTH_LINE_MAX, "Content-Length: %u\r\n", (unsigned)message->body_size);
}

size_t sip_written_size(const struct sip_message *message, bool add_length) {
    char line[LENGTH_LINE_MAX];
    size_t size = message->start_size - message->raw_uri_size + message->uri_size;
    for (uint32_t i = 0; i < message->line_count; i++) size += message->lines[i].size;
    return size + length_line(message, add_length, line) + empty_line(message).size + message->body_size;
}

static char *copy(char *out, const char *from, size_t size) {
    memcpy(out, from, size);
    return out + size;
}

static char *write_start_text(const struct sip_message *message, char *out) {
    const char *start = message->raw + message->start_at;
    if (!message->uri_edited) return copy(out, start, message->start_size);
    struct sip_slice uri = sip_message_uri(message);
    size_t before = message->raw_uri_at - message->start_at, after = before + message->raw_uri_size;
    out = copy(out, start, before);
    out = copy(out, uri.at, uri.size);
    return copy(out, start + after, message->start_size - after);
}

/* RFC 3261 section 7.1: the version leaves in upper case, however it came. */
static char *write_start(const struct sip_message *message, char *out) {
    char *end = write_start_text(message, out);
    size_t version = message->version_at - message->start_at - message->raw_uri_size + message->uri_size;
    if (message->version_size) memcpy(out + version - 4, "SIP", 3);
    return end;
}

static char *write_lines(const struct sip_message *message, char *out) {
    for (uint32_t i = 0; i < message->line_count;) {
        const struct sip_line *line = &message->lines[i];
        const char *from = sip_line_start(message, line);
        size_t run = line->size;
        while (++i < message->line_count && sip_line_start(message, &message->lines[i]) == from + run)
            run += message->lines[i].size;
        out = copy(out, from, run);
    }
    return out;
}

void sip_write(const struct sip_message *message, bool add_length, char *out) {
    char line[LENGTH_LINE_MAX];
    out = write_lines(message, write_start(message, out));
    out = copy(out, line, length_line(message, add_length, line));
    out = copy(out, empty_line(message).at, empty_line(message).size);
    if (message->body_size) memcpy(out, message->body, message->body_size);
}
