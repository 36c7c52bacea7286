/* A dict that forgets what was not asked for long when it grows: two generations, the older one dropped when the newer is full. Strangers
 * choose the keys. The base of Recent (sipmesh/signalling/rates.py). */
#ifndef SIP_RECENT_H
#define SIP_RECENT_H

#include "sip_py.h"

typedef struct {
    PyObject_HEAD
    Py_ssize_t max_keys;     /* of a generation */
    PyObject *newer, *older; /* dicts */
} RecentObject;

extern PyTypeObject sip_recent_type;

/* Borrowed; NULL when there is none, or with an exception. */
PyObject *sip_recent_get(RecentObject *self, PyObject *key);
/* -1 with an exception. */
int sip_recent_put(RecentObject *self, PyObject *key, PyObject *value);
int sip_recent_drop(RecentObject *self, PyObject *key);

#endif
