/* Replies kept for requests that come again (media.reply_cache). */
#ifndef RELAY_REPLIES_H
#define RELAY_REPLIES_H

#include "relay_module.h"

struct relay_replies {
    PyObject_HEAD
    PyObject *fresh, *old; /* dict: by (host, port, cookie) */
    Py_ssize_t bytes, most_bytes; /* of the fresh ones */
    double swap_at, generation_s;
};

extern PyTypeObject relay_replies_type;

/* Borrowed; NULL, perhaps with an exception. */
PyObject *relay_replies_get(struct relay_replies *self, PyObject *key, double now);

/* After a get that found nothing. False with an exception set. */
bool relay_replies_put(struct relay_replies *self, PyObject *key, PyObject *reply);

#endif
