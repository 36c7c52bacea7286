/* Edits of the header table. A touched line is rewritten in `text`; nothing else moves. */
#include <stdlib.h>

#include "sip_buffer.h"
#include "sip_chars.h"
#include "sip_message.h"
#include "sip_value.h"

#define TEXT_STEP 512u

/* What was in the message itself moves to the heap. */
static void *grown(void *before, const void *own, size_t used, size_t room) {
    void *after = before == own ? malloc(room) : realloc(before, room);
    if (after && before == own) memcpy(after, own, used);
    return after;
}

static enum sip_error reserve_text(struct sip_message *message, size_t size) {
    size_t wanted = message->text_size + size;
    if (wanted <= message->text_room) return SIP_OK;
    if (wanted > UINT32_MAX / 2) return SIP_NO_MEMORY;
    wanted += wanted / 2 + TEXT_STEP;
    char *text = grown(message->text, message->own_text, message->text_size, wanted);
    if (!text) return SIP_NO_MEMORY;
    if (text != message->text) sip_forget_known_in(message, message->text, message->text_size);
    message->text = text;
    message->text_room = (uint32_t)wanted;
    return SIP_OK;
}

/* A line of that name has changed. */
static void forget(struct sip_message *message, unsigned id) {
    if (id == SIP_VIA) message->known.via = false;
    if (id == SIP_FROM) message->known.from = false;
    if (id == SIP_TO) message->known.to = false;
    if (id == SIP_CSEQ) message->known.cseq = false;
    if (id == SIP_CONTACT) message->known.contact = false;
    message->edited = true;
}

static void add_text(struct sip_message *message, struct sip_slice text) {
    if (text.size) memcpy(message->text + message->text_size, text.at, text.size);
    message->text_size += (uint32_t)text.size;
}

static enum sip_error reserve_line(struct sip_message *message) {
    if (message->line_count < message->line_room) return SIP_OK;
    uint32_t room = message->line_room + message->line_room / 2 + 8;
    struct sip_line *lines = grown(message->lines, message->own_lines, sizeof message->own_lines, room * sizeof *lines);
    if (!lines) return SIP_NO_MEMORY;
    message->lines = lines;
    message->line_room = room;
    return SIP_OK;
}

/* "Name: value" and CRLF at the end of `text`. */
static enum sip_error build_line(struct sip_message *message, struct sip_wanted wanted, struct sip_slice value,
    struct sip_line *line) {
    struct sip_slice name = wanted.name;
    size_t size = name.size + 2 + value.size + 2;
    if (size > SIP_MAX_EDITED_LINE_BYTES) return SIP_LINE_TOO_LONG;
    if (reserve_text(message, size) != SIP_OK) return SIP_NO_MEMORY;
    *line = (struct sip_line){
        .at = message->text_size,
        .size = (uint16_t)size,
        .name_size = (uint16_t)name.size,
        .value_at = (uint16_t)(name.size + 2),
        .value_size = (uint16_t)value.size,
        .id = (uint8_t)wanted.id,
        .flags = SIP_LINE_EDITED,
    };
    add_text(message, name);
    add_text(message, SIP_TEXT(": "));
    add_text(message, value);
    add_text(message, SIP_TEXT("\r\n"));
    return SIP_OK;
}

enum sip_error sip_line_insert(struct sip_message *message, uint32_t index, struct sip_wanted name, struct sip_slice value) {
    struct sip_line line;
    if (reserve_line(message) != SIP_OK) return SIP_NO_MEMORY;
    enum sip_error error = build_line(message, name, sip_trim(value), &line);
    if (error != SIP_OK) return error;
    memmove(message->lines + index + 1, message->lines + index, (message->line_count - index) * sizeof line);
    message->lines[index] = line;
    message->line_count++;
    forget(message, line.id);
    return SIP_OK;
}

void sip_line_remove(struct sip_message *message, uint32_t index) {
    forget(message, message->lines[index].id);
    message->line_count--;
    memmove(message->lines + index, message->lines + index + 1, (message->line_count - index) * sizeof *message->lines);
}

enum sip_error sip_line_splice(struct sip_message *message, uint32_t index, struct sip_slice old, struct sip_slice new) {
    struct sip_line *line = &message->lines[index];
    size_t before = (size_t)(old.at - sip_line_start(message, line)), size = line->size - old.size + new.size;
    if (size > SIP_MAX_EDITED_LINE_BYTES) return SIP_LINE_TOO_LONG;
    if (reserve_text(message, size) != SIP_OK) return SIP_NO_MEMORY;
    const char *start = sip_line_start(message, line); /* text may have moved */
    struct sip_slice after = {start + before + old.size, line->size - before - old.size};
    uint32_t at = message->text_size;
    add_text(message, (struct sip_slice){start, before});
    add_text(message, new);
    add_text(message, after);
    line->at = at;
    line->value_size = (uint16_t)(line->value_size - old.size + new.size);
    line->size = (uint16_t)size;
    line->flags |= SIP_LINE_EDITED;
    forget(message, line->id);
    return SIP_OK;
}

static uint32_t find_last(const struct sip_message *message, struct sip_wanted wanted) {
    uint32_t last = message->line_count;
    SIP_EACH_LINE(i, message, wanted) last = i;
    return last;
}

enum sip_error sip_push(struct sip_message *message, struct sip_wanted name, struct sip_slice value) {
    uint32_t index = sip_line_find(message, name, 0);
    if (index < message->line_count) { /* compact as the one below: there are those that look for one of the two forms alone */
        if (name.id == SIP_VIA && message->lines[index].name_size == 1) name.name = SIP_TEXT("v");
    } else {
        uint32_t via = find_last(message, (struct sip_wanted){.id = SIP_VIA});
        index = via == message->line_count ? 0 : via + 1;
    }
    return sip_line_insert(message, index, name, value);
}

enum sip_error sip_append(struct sip_message *message, struct sip_wanted name, struct sip_slice value) {
    uint32_t last = find_last(message, name);
    return sip_line_insert(message, last == message->line_count ? last : last + 1, name, value);
}

static void remove_from(struct sip_message *message, struct sip_wanted wanted, uint32_t index) {
    while ((index = sip_line_find(message, wanted, index)) < message->line_count) sip_line_remove(message, index);
}

enum sip_error sip_set(struct sip_message *message, struct sip_wanted name, struct sip_slice value) {
    uint32_t index = sip_line_find(message, name, 0);
    enum sip_error error = sip_line_insert(message, index, name, value);
    if (error == SIP_OK) remove_from(message, name, index + 1);
    return error;
}

enum sip_error sip_set_number(struct sip_message *message, enum sip_name id, uint32_t number) {
    char digits[SIP_DIGITS_MAX];
    return sip_set(message, sip_known(id), (struct sip_slice){digits, sip_digits(number, digits)});
}

void sip_remove(struct sip_message *message, struct sip_wanted wanted) { remove_from(message, wanted, 0); }

/* Lines without any value go with the pop that meets them. */
enum sip_error sip_pop_first(struct sip_message *message, enum sip_name id) {
    struct sip_wanted wanted = {.id = id};
    for (;;) {
        uint32_t index = sip_line_find(message, wanted, 0);
        if (index == message->line_count) return SIP_MISSING;
        struct sip_slice rest = sip_line_value(message, &message->lines[index]), first, second;
        const char *start = rest.at;
        bool any = sip_list_next(&rest, &first), more = sip_list_next(&rest, &second);
        if (more) return sip_line_splice(message, index, sip_slice_of(start, second.at), (struct sip_slice){"", 0});
        sip_line_remove(message, index);
        if (any) return SIP_OK;
    }
}

enum sip_error sip_pop_last(struct sip_message *message, enum sip_name id) {
    struct sip_wanted wanted = {.id = id};
    for (;;) {
        uint32_t index = find_last(message, wanted);
        if (index == message->line_count) return SIP_MISSING;
        struct sip_slice rest = sip_line_value(message, &message->lines[index]), value, last = {NULL, 0}, previous = {NULL, 0};
        const char *end = rest.at + rest.size;
        while (sip_list_next(&rest, &value)) previous = last, last = value;
        if (previous.at)
            return sip_line_splice(message, index, sip_slice_of(previous.at + previous.size, end), (struct sip_slice){"", 0});
        sip_line_remove(message, index);
        if (last.at) return SIP_OK;
    }
}

enum sip_error sip_set_uri(struct sip_message *message, struct sip_slice uri) {
    if (uri.size > SIP_MAX_EDITED_LINE_BYTES) return SIP_LINE_TOO_LONG;
    if (reserve_text(message, uri.size) != SIP_OK) return SIP_NO_MEMORY;
    message->uri_at = message->text_size;
    message->uri_size = (uint32_t)uri.size;
    add_text(message, uri);
    message->uri_edited = message->edited = true;
    message->known.uri = false;
    return SIP_OK;
}

void sip_set_body(struct sip_message *message, const char *body, size_t size) {
    message->body = body;
    message->body_size = (uint32_t)size;
    message->edited = true;
}
