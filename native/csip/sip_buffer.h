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

static inline void sip_add(struct sip_buffer *buffer, struct sip_slice text) {
    if (buffer->room - buffer->size < text.size && !buffer->failed) {
        size_t room = (buffer->size + text.size) * 2 + 1024;
        char *at = realloc(buffer->at, room);
        if (!at) {
            buffer->failed = true;
        } else {
            buffer->at = at;
            buffer->room = room;
        }
    }
    if (buffer->failed || !text.size) return;
    memcpy(buffer->at + buffer->size, text.at, text.size);
    buffer->size += text.size;
}

static inline void sip_buffer_free(struct sip_buffer *buffer) { free(buffer->at); }

#endif
