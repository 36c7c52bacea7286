/* Text that grows as it is written. */
#ifndef RELAY_TEXT_H
#define RELAY_TEXT_H

#include "relay_sdp.h"

/* ``failed``: there was no memory for a part of it. ``data`` is freed by its owner. */
struct relay_text {
    char *data;
    size_t size, room;
    bool failed;
};

void relay_text_put(struct relay_text *text, const char *bytes, size_t size);
void relay_text_number(struct relay_text *text, unsigned number);

/* Of those before and this one: tells bodies of one sender apart, and is no defence against one who wants two alike. */
uint64_t relay_text_hash(struct relay_span span, uint64_t hash);

static inline void relay_text_span(struct relay_text *text, struct relay_span span) { relay_text_put(text, span.at, span.size); }
static inline void relay_text_string(struct relay_text *text, const char *string) { relay_text_put(text, string, strlen(string)); }

/* ``start``, ``rest`` and a CRLF. */
static inline void relay_text_line(struct relay_text *text, const char *start, struct relay_span rest)
{
    relay_text_string(text, start);
    relay_text_span(text, rest);
    relay_text_put(text, "\r\n", 2);
}

#endif
