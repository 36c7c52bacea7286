/* Bencode looked at as it was written. Only the form is checked. */
#ifndef RELAY_BENCODE_WALK_H
#define RELAY_BENCODE_WALK_H

#include "relay_module.h"

struct relay_written {
    const char *start;
    Py_ssize_t size;
};

struct relay_walk {
    const char *at, *end;
};

/* At the end of a list or dictionary, or of everything. */
static inline bool relay_at_end(const struct relay_walk *in) { return in->at >= in->end || *in->at == 'e'; }

/* These go on behind what they read; false: it has another form. */
bool relay_read_string(struct relay_walk *in, struct relay_written *string);
bool relay_skip_value(struct relay_walk *in, int depth);

#endif
