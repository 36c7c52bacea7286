/* What a proxy asked by one command (media.proxy_counts). */
#ifndef RELAY_COUNT_H
#define RELAY_COUNT_H

#include "relay_module.h"

struct relay_request_count {
    PyObject_HEAD
    long long requests, errors, duration_ns;
    PyObject *asked, *refused; /* str: names of the counters for metrics */
};

extern PyTypeObject relay_count_type;

/* One request more, also in ``counters``. False with an exception set. */
bool relay_count_add(struct relay_request_count *count, PyObject *counters, bool failed, long long duration_ns);

#endif
