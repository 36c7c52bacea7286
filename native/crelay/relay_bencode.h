/* Bencode being written. */
#ifndef RELAY_BENCODE_H
#define RELAY_BENCODE_H

#include "relay_module.h"

/* What is written so far; ``here`` until it does not fit. */
struct relay_bencode {
    char *data;
    size_t used, room;
    char here[1024];
};

void relay_bencode_begin(struct relay_bencode *out);

/* The bytes; NULL unless ``done``. In any case nothing is left behind. */
PyObject *relay_bencode_end(struct relay_bencode *out, bool done);

/* These return false with an exception set. */
bool relay_bencode_put(struct relay_bencode *out, const char *bencode, size_t size);
bool relay_bencode_string(struct relay_bencode *out, const char *data, size_t size);
bool relay_bencode_number(struct relay_bencode *out, long long number);
bool relay_bencode_value(struct relay_bencode *out, PyObject *value);

#define RELAY_BENCODE_PUT(out, literal) relay_bencode_put(out, literal, sizeof literal - 1)

#endif
