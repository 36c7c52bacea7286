/* Where a stored record of bindings leads when no choice is left: sipmesh/signalling/locate.py for one binding. */
#ifndef SIP_BOUND_H
#define SIP_BOUND_H

#include "sip_py.h"

/* The Target (`class`, sipcore/ports.py) of the only binding that is alive at `now` (Unix time, s) in `stored`, bytes; None when the
 * bindings are to be looked at one by one, or nothing leads there. NULL with an exception. */
PyObject *sip_bound_target(PyObject *stored, double now, PyObject *flows, PyObject *class);

/* native.sip.bound_to */
PyObject *sip_bound_to(PyObject *unused, PyObject *const *args, Py_ssize_t count);

#endif
