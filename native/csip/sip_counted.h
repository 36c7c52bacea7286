/* What requests are counted as: the name of a counter for each method and transport. */
#ifndef SIP_COUNTED_H
#define SIP_COUNTED_H

#include "sip_py.h"

#define SIP_COUNTED_KEPT 16

struct sip_counted {
    PyObject *names; /* {transport: {method: name}} */
    struct sip_counted_name {
        PyObject *listener, *method, *name;
    } kept[SIP_COUNTED_KEPT]; /* those that were asked for last */
};

/* Borrowed. What `names` has not is asked of the receiver by name_counter(method, transport). */
PyObject *sip_counted_name(struct sip_counted *counted, PyObject *receiver, PyObject *method, PyObject *flow);

void sip_counted_clear(struct sip_counted *counted);

#endif
