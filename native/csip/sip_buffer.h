/* A growing buffer. After a failed allocation `failed` is set and adding does nothing. Its first bytes may be lent to it: most texts
 * fit on the stack, and never see the heap. */
#ifndef SIP_BUFFER_H
#define SIP_BUFFER_H

#include <stdlib.h>

#include "sip_base.h"

struct sip_buffer {
    char *at;
    size_t size;
    size_t room;
    bool failed;
    const char *lent; /* where `at` is not on the heap */
};

/* Declares a buffer that begins on the stack, so that it must not outlive its block. */
#define SIP_STACK_BUFFER(name)                                                                        \
    char name##_begins[SIP_STACK_BUFFER_BYTES];                                                       \
    struct sip_buffer name = {name##_begins, 0, sizeof name##_begins, false, name##_begins}
#define SIP_STACK_BUFFER_BYTES 1024

static inline bool sip_buffer_is_lent(const struct sip_buffer *buffer) { return buffer->lent && buffer->at == buffer->lent; }

/* Makes it hold `room` bytes; what is on the stack moves to the heap. */
static inline void sip_buffer_grow(struct sip_buffer *buffer, size_t room) {
    bool lent = sip_buffer_is_lent(buffer);
    char *at = lent ? malloc(room) : realloc(buffer->at, room);
    buffer->failed = !at;
    if (!at) return;
    if (lent) memcpy(at, buffer->at, buffer->size);
    buffer->at = at;
    buffer->room = room;
}

/* Room for `size` bytes more, to be written at the end; NULL when there is none. */
static inline char *sip_reserve(struct sip_buffer *buffer, size_t size) {
    if (buffer->room - buffer->size < size && !buffer->failed) sip_buffer_grow(buffer, (buffer->size + size) * 2 + 1024);
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

/* In lower case, `least` digits at least. */
static inline void sip_add_hex(struct sip_buffer *buffer, uint64_t number, size_t least) {
    char digits[16];
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[number & 15];
    while ((number >>= 4) || sizeof digits - at < least);
    sip_add(buffer, (struct sip_slice){digits + at, sizeof digits - at});
}

static inline void sip_buffer_free(struct sip_buffer *buffer) {
    if (!sip_buffer_is_lent(buffer)) free(buffer->at);
}

#endif
