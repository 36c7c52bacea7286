/* Parts of the binding that stand in files of their own. */
#ifndef RELAY_MODULE_H
#define RELAY_MODULE_H

#include <Python.h>

enum { RELAY_EVENT_LATCHED = 1 };

/* A numpy dtype description of struct relay_stream; a new reference. */
PyObject *relay_layout(void);

#endif
