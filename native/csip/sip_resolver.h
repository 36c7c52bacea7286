/* A Resolver (sipcore/ports.py) as other files of the binding see it. */
#ifndef SIP_RESOLVER_H
#define SIP_RESOLVER_H

#include "sip_py.h"

/* resolver.resolve(uri, user.done) of any resolver; a new reference to the next hops, or to None when they come later. */
PyObject *sip_resolve(PyObject *resolver, PyObject *uri, PyObject *user, struct sip_py_word *done);

extern PyTypeObject sip_hosts_type;

#endif
