/* What Uri, NameAddr and Via have in common: the text they were parsed from, which their slices point into. */
#ifndef SIP_PARSED_TYPE_H
#define SIP_PARSED_TYPE_H

#include "sip_py.h"
#include "structmember.h"

/* The fields after these are first those made when they are asked for (SIP_PY_CACHED), then what was parsed. */
#define SIP_PARSED_HEAD                                                                                                               \
    PyObject_HEAD                                                                                                                     \
    PyObject *text;                                                                                                                   \
    PyObject *holder; /* bytes of a text that is not ASCII */

typedef struct {
    SIP_PARSED_HEAD
    PyObject *made[];
} ParsedObject;

/* An object of `type` with nothing but its text, whose bytes are in `view`; steals `text`, NULL hands an exception on. */
void *sip_parsed_from(PyTypeObject *type, PyObject *text, struct sip_slice *view);
/* What was parsed, or without it, when `error` says so, ParseError and NULL; steals `self`. */
PyObject *sip_parsed_or_fault(void *self, enum sip_error error, enum sip_name header, const char *kind);
/* The one argument of the types' constructors, a new reference. */
PyObject *sip_parsed_argument(PyObject *args, PyObject *kwargs, const char *format);
void sip_parsed_free(void *self, size_t made);
/* How many fields are made when asked for: those of `type` from `first` on, before `past`. */
#define SIP_PARSED_MADE(type, first, past) ((offsetof(type, past) - offsetof(type, first)) / sizeof(PyObject *))

extern PyMemberDef sip_parsed_members[];
PyObject *sip_parsed_str(PyObject *self);
PyObject *sip_parsed_repr(PyObject *self);

/* A number, or None when it is negative: there was none. */
PyObject *sip_parsed_number(int32_t number);

#endif
