/* How the types of sip_proxy.h are made: their fields, and objects that begin with None in each of theirs. */
#ifndef SIP_PROXY_FIELDS_H
#define SIP_PROXY_FIELDS_H

#include "sip_proxy.h"
#include "structmember.h"

/* The objects of each stand at its end, from `first` on. */
#define SIP_OBJECTS(type, first) ((sizeof(type) - offsetof(type, first)) / sizeof(PyObject *))
#define SIP_NEW(type, class, first) ((type *)sip_proxy_new(class, offsetof(type, first), SIP_OBJECTS(type, first)))

PyObject *sip_proxy_new(PyTypeObject *class, size_t first, size_t count);
void sip_proxy_free(PyObject *self, size_t first, size_t count);

static inline void put(PyObject **field, PyObject *value) { Py_XSETREF(*field, Py_NewRef(value)); }

#define OBJECT(type, name) {#name, T_OBJECT_EX, offsetof(type, name), 0, NULL}
#define FIXED(type, name) {#name, T_OBJECT_EX, offsetof(type, name), READONLY, NULL}
#define HIDDEN(type, kind, name) {"_" #name, kind, offsetof(type, name), 0, NULL}
#define NUMBER(type, name) {#name, T_INT, offsetof(type, name), 0, NULL}
#define TRUTH(type, name) {#name, T_BOOL, offsetof(type, name), 0, NULL}

#endif
