/* Where a stored record of bindings leads when no choice is left: sipmesh/signalling/locate.py for bindings of one q. */
#ifndef SIP_BOUND_H
#define SIP_BOUND_H

#include "sip_py.h"

#define SIP_BOUND_MAX 8 /* targets tried at once; who has more phones is no common case */

/* A list of Targets (`class`, sipcore/ports.py), which are to be tried at once, of the bindings in `stored`, bytes, that are alive at
 * `now` (Unix time, s); None when they are to be looked at one by one, or nothing leads there. NULL with an exception. */
PyObject *sip_bound_targets(PyObject *stored, double now, PyObject *flows, PyObject *class);

/* native.sip.bound_to */
PyObject *sip_bound_to(PyObject *unused, PyObject *const *args, Py_ssize_t count);

#endif
