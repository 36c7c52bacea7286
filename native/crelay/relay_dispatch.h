/* From a datagram to its reply (media.dispatch.Dispatcher). */
#ifndef RELAY_DISPATCH_H
#define RELAY_DISPATCH_H

#include "relay_module.h"

typedef struct {
    PyObject_HEAD
    PyObject *functions;    /* dict: what serves a command, by its name */
    PyObject *known[2];     /* dict: options by how they are written; of other proxies, of this node's own */
    PyObject *request_type; /* of media.request.Request */
    PyObject *read_address;
    PyObject *monotonic_ns; /* the clock */
    PyObject *counts;       /* dict: by host a dict of Count by command */
    PyObject *counters;     /* dict: for metrics */
    PyObject *replies;
    PyObject *own; /* str: the host that stands for this node's own proxy */
    Py_ssize_t short_bytes;
} DispatcherObject;

#define OBJECTS 10 /* from functions on */

/* What is to be served: the cookie's bytes, and behind a space those of the dictionary. */
struct asked {
    const char *cookie, *data;
    Py_ssize_t cookie_size, data_size;
    PyObject *datagram, *host;
    PyObject *most_object;
    Py_ssize_t most; /* the same: bytes of a reply */
    bool own;
};

/* Borrows everything. False: it is no ng message, or an exception is set. */
bool relay_take_apart(DispatcherObject *self, PyObject *datagram, PyObject *host, PyObject *most, struct asked *asked);

/* The reply as the Python class makes it, None for what is no ng message; NULL with an exception set. */
PyObject *relay_answer_generally(DispatcherObject *self, const struct asked *asked);

/* The reply; where something goes wrong with us that is an answer too. */
PyObject *relay_answer(DispatcherObject *self, const struct asked *asked, long long now_ns);

/* The reply of before, or a new one that is kept. */
PyObject *relay_answer_once(DispatcherObject *self, const struct asked *asked, PyObject *key, long long now_ns);

/* The reply to a datagram, or None. ``host``, ``port``: where it came from. */
PyObject *relay_dispatch_datagram(DispatcherObject *self, PyObject *datagram, PyObject *host, PyObject *port, PyObject *most);

/* -1 with an exception set. */
long long relay_clock_ns(DispatcherObject *self);

#endif
