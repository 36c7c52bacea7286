/* A growing buffer. After a failed allocation `failed` is set and adding does nothing. */
#ifndef SIP_BUFFER_H
#define SIP_BUFFER_H

#include <stdlib.h>

#include "sip_base.h"

struct sip_buffer {
    char *at;
    size_t size;
    size_t room;
    bool failed;
};

/* Room for `size` bytes more, to be written at the end; NULL when there is none. */
static inline char *sip_reserve(struct sip_buffer *buffer, size_t size) {
    if (buffer->room - buffer->size < size && !buffer->failed) {
        size_t room = (buffer->size + size) * 2 + 1024;
        char *at = realloc(buffer->at, room);
        if (!at) {
            buffer->failed = true;
        } else {
            buffer->at = at;
            buffer->room = room;
        }
    }
    return buffer->failed ? NULL : buffer->at + buffer->size;
}

static inline void sip_add(struct sip_buffer *buffer, struct sip_slice text) {
    char *end = sip_reserve(buffer, text.size);
    if (!end || !text.size) return;
    memcpy(end, text.at, text.size);
    buffer->size += text.size;
}

#define SIP_DIGITS_MAX 10

/* In decimal, without a NUL; how many digits. */
static inline size_t sip_digits(uint32_t number, char out[SIP_DIGITS_MAX]) {
    char reversed[SIP_DIGITS_MAX];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (size_t i = 0; i < count; i++) out[i] = reversed[count - 1 - i];
    return count;
}

static inline void sip_add_number(struct sip_buffer *buffer, uint32_t number) {
    char digits[SIP_DIGITS_MAX];
    sip_add(buffer, (struct sip_slice){digits, sip_digits(number, digits)});
}

static inline void sip_buffer_free(struct sip_buffer *buffer) { free(buffer->at); }

#endif
