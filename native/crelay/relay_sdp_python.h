/* Between session descriptions and Python's strings, which are UTF-8 with surrogateescape, so every byte survives. */
#ifndef RELAY_SDP_PYTHON_H
#define RELAY_SDP_PYTHON_H

#include "relay_module.h"
#include "relay_sdp.h"

/* The bytes of ``text``; what has to be made for them lives as long as the list ``kept``. */
bool relay_span_of(PyObject *text, PyObject *kept, struct relay_span *span);

/* An absent one is "". */
PyObject *relay_text_of(struct relay_span span);

/* Raise ValueError (line, what is wrong with it). ``what`` is taken. */
PyObject *relay_sdp_raise(size_t line, PyObject *what);
PyObject *relay_sdp_raise_fault(const struct relay_sdp_fault *fault);

#endif
