/* Huge pages for the interpreter's objects. */
#ifndef SIP_ARENA_H
#define SIP_ARENA_H

#include "sip_py.h"

PyObject *sip_use_huge_pages(PyObject *unused, PyObject *no_arguments);

#endif
