#include "relay_text.h"

#include <stdlib.h>

#define LEAST_ROOM 2048

void relay_text_put(struct relay_text *text, const char *bytes, size_t size)
{
    if (text->size + size > text->room) {
        size_t room = 2 * (text->size + size) + LEAST_ROOM;
        char *data = realloc(text->data, room);
        text->failed |= data == NULL;
        if (data == NULL)
            return;
        text->data = data;
        text->room = room;
    }
    if (size > 0)
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
}

void relay_text_number(struct relay_text *text, unsigned number)
{
    char digits[16], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    relay_text_put(text, at, (size_t)(digits + sizeof digits - at));
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

uint64_t relay_text_hash(struct relay_span span, uint64_t hash)
{
    uint64_t word;
    hash = mix(hash, span.size + 1);
    for (; span.size >= sizeof word; span.at += sizeof word, span.size -= sizeof word) {
        memcpy(&word, span.at, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    if (span.size > 0)
        memcpy(&word, span.at, span.size);
    return mix(hash, word);
}
