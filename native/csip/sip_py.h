/* What the files of the binding share. The binding checks arguments, builds Python objects and caches them; the work is in
 * the core. */
#ifndef SIP_PY_H
#define SIP_PY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sip_buffer.h"
#include "sip_read.h"

/* What is done about errors is laid out apart from what every message needs. */
#define SIP_PY_COLD __attribute__((cold))
SIP_PY_COLD PyObject *PyErr_Format(PyObject *exception, const char *format, ...);
SIP_PY_COLD void PyErr_SetString(PyObject *exception, const char *string);
SIP_PY_COLD PyObject *PyErr_NoMemory(void);

/* --- sip_py.c: strings, errors --- */

extern PyObject *sip_parse_error; /* native.sip.ParseError */

int sip_py_init(PyObject *module);

/* Raises ParseError, or MemoryError; returns NULL. `kind` names the thing when no header does ("URI"), or is NULL. */
SIP_PY_COLD PyObject *sip_py_fault(struct sip_fault fault, const char *kind);

/* Raises ParseError with that reason; returns NULL. */
SIP_PY_COLD PyObject *sip_py_refuse(const char *reason);

/* UTF-8 with surrogateescape, so that every byte comes back. */
PyObject *sip_py_str(struct sip_slice text);
PyObject *sip_py_lower(struct sip_slice text);
PyObject *sip_py_host(struct sip_slice host); /* lower case, ASCII */
PyObject *sip_py_upper(struct sip_slice text);
/* What was written to a buffer, which may have failed for want of memory. */
PyObject *sip_py_written(const struct sip_buffer *buffer);
/* None when text.at is NULL. */
PyObject *sip_py_str_or_none(struct sip_slice text);
PyObject *sip_py_unquoted(struct sip_slice text);
/* Shared strings: canonical header names, methods in common use. */
PyObject *sip_py_name(enum sip_name id);
PyObject *sip_py_method(struct sip_slice method);
enum sip_method { SIP_INVITE, SIP_ACK, SIP_BYE, SIP_CANCEL, SIP_REGISTER, SIP_OPTIONS, SIP_PRACK, SIP_UPDATE, SIP_INFO }; /* the first of those in common use */
bool sip_py_is_method(PyObject *method, enum sip_method which); /* of what sip_py_method returned */

/* The bytes of a str: its own when it is ASCII, else of `holder`. Release `holder` with Py_XDECREF. */
struct sip_py_view {
    struct sip_slice text;
    PyObject *holder;
};
int sip_py_view(PyObject *str, struct sip_py_view *view);

/* As sip_py_view, and ValueError for CR, LF and NUL: they would end the line that it goes into. `what` names it. */
int sip_py_line_view(PyObject *str, const char *what, struct sip_py_view *view);
/* As that, and ValueError for what is no token. */
int sip_py_token_view(PyObject *str, const char *what, struct sip_py_view *view);

/* The name of a Python attribute; a str once it was used. */
struct sip_py_word {
    const char *text;
    PyObject *str;
};
PyObject *sip_py_text(struct sip_py_word *name); /* borrowed */
PyObject *sip_py_get(PyObject *object, struct sip_py_word *name); /* sip_py_get.c */
/* object.name(first, second); NULL ends the arguments early. */
PyObject *sip_py_call(PyObject *object, struct sip_py_word *name, PyObject *first, PyObject *second);
/* As that, with `count` arguments, of which args[0] is the object. */
PyObject *sip_py_call_with(struct sip_py_word *name, PyObject *const *args, size_t count);
/* As sip_py_call, where only whether it went well matters: 0, or -1 with an exception. */
int sip_py_do(PyObject *object, struct sip_py_word *name, PyObject *first, PyObject *second);
/* What became of a call whose result is of no use: 0, or -1 with an exception. Steals. */
static inline int sip_py_done(PyObject *result) {
    Py_XDECREF(result);
    return result ? 0 : -1;
}
/* The other way round: what a method returns that has nothing to say. */
static inline PyObject *sip_py_none(int result) { return result < 0 ? NULL : Py_NewRef(Py_None); }
/* Whether an answer is true: 1 or 0, -1 with an exception. Steals. */
static inline int sip_py_truth(PyObject *answer) {
    int is = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return is;
}
/* A number that fits into 64 bits; 0 with an exception. Steals. */
static inline unsigned long long sip_py_unsigned(PyObject *number) {
    unsigned long long value = number ? PyLong_AsUnsignedLongLong(number) : 0;
    Py_XDECREF(number);
    return value == (unsigned long long)-1 && PyErr_Occurred() ? 0 : value;
}
/* A field, which is never NULL, has that value from now on. Steals; -1 with an exception when there is none. */
static inline int sip_py_put(PyObject **field, PyObject *value) {
    if (value) Py_SETREF(*field, value);
    return value ? 0 : -1;
}
/* Whether the attribute is true: 1 or 0, -1 with an exception. */
int sip_py_is(PyObject *object, struct sip_py_word *name);
/* Takes the exception that is set, as the object that Python would see. */
SIP_PY_COLD PyObject *sip_py_fetched(void);
/* As sip_py_call, of what handles the exception that is set: it finds it as in an except block. */
SIP_PY_COLD PyObject *sip_py_caught(PyObject *object, struct sip_py_word *name, PyObject *first);
/* As PyObject_TypeCheck; of the Python class right above a base in C, which most objects are of, that is seen at once. */
static inline bool sip_py_is_a(PyObject *object, PyTypeObject *type) {
    PyTypeObject *own = Py_TYPE(object);
    return own == type || own->tp_base == type || PyType_IsSubtype(own, type);
}

/* counters[name] += 1, of a Counters (sipcore/ports.py); -1 with an exception. */
int sip_py_count(PyObject *counters, PyObject *name);
int sip_py_count_word(PyObject *counters, struct sip_py_word *name);

PyObject *sip_py_header_params(struct sip_slice params);
PyObject *sip_py_uri_params(struct sip_slice params);
PyObject *sip_digest_params(PyObject *unused, PyObject *value); /* sip_digest_params.c */

/* A type whose objects the garbage collector is not to walk, because there are many and their owners cut what could be a cycle:
 * Python makes subclasses of such a type that it does walk, unless the type has this method. They add no fields
 * (__slots__ = ()). */
#define SIP_PY_UNWALKED {"__init_subclass__", sip_py_init_unwalked, METH_NOARGS | METH_CLASS, NULL}
PyObject *sip_py_init_unwalked(PyObject *cls, PyObject *unused);

/* tp_setattro of types whose functions in C find something in each field: attributes are set, and never deleted. */
int sip_py_set_attribute(PyObject *self, PyObject *name, PyObject *value);

/* A function of any signature, as tables of methods have it. */
#define FUNCTION(f) (PyCFunction)(void (*)(void))(f)

/* --- the types --- */

extern PyTypeObject sip_uri_type, sip_addr_type, sip_via_type, sip_message_type, sip_udp_type, sip_mac_type, sip_timer_type,
    sip_timers_type, sip_core_type, sip_inbound_type, sip_context_type, sip_branch_type, sip_ack_type, sip_cookie_type,
    sip_claim_type, sip_registering_type;

const struct sip_uri *sip_uri_parsed(PyObject *uri); /* TypeError for what is no Uri */
PyObject *sip_uri_text(PyObject *uri);
PyObject *sip_uri_transport(const struct sip_uri *uri); /* lower case, or None */

/* From text whose header is known; for faults. */
PyObject *sip_uri_object(struct sip_slice text, enum sip_name header); /* sip_uri_kept.c */
PyObject *sip_forget_idle_uris(PyObject *unused, PyObject *no_arguments);
PyObject *sip_uri_made(struct sip_slice text, enum sip_name header); /* a new one */
PyObject *sip_addr_object(struct sip_slice text, enum sip_name header);
PyObject *sip_via_object(struct sip_slice text);
const uint8_t *sip_mac_key(PyObject *mac); /* TypeError for anything else */

/* A lazily made attribute: `*slot` is filled by `make` once. Returns a new reference. */
#define SIP_PY_CACHED(slot, make) ((slot) || ((slot) = (make)) ? Py_NewRef(slot) : NULL)

/* --- sip_arena.c --- */

PyObject *sip_use_huge_pages(PyObject *unused, PyObject *no_arguments);

#endif
