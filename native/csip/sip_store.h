/* The node's store (sipmesh/store): transactions of py-lmdb, whose methods are called here without Python between them. The usual
 * steps are in C; growth of the map and errors are methods of the Python class. */
#ifndef SIP_STORE_H
#define SIP_STORE_H

#include "sip_py.h"

/* The base of Environment. */
typedef struct EnvironmentObject EnvironmentObject;
struct EnvironmentObject {
    PyObject_HEAD
    PyObject *env;             /* lmdb.Environment */
    PyObject *write, *reading; /* transactions, or None; `reading` is kept between reads */
    PyObject *staged;          /* dict: writes that wait for the commit, by (table, key); None: a deletion */
    PyObject *beside;          /* another Environment, whose reads are renewed at the commit of this one, or None */
    Py_ssize_t spare_bytes;    /* may be written before the next look at how full the map is */
    char keeps_read, stages;
    char dirty; /* the write transaction holds something */
    char lost;  /* an error took what had been written before it */
};

/* The base of the classes that keep one table. A key is a text, in UTF-8. */
typedef struct {
    PyObject_HEAD
    EnvironmentObject *environment;
    PyObject *table; /* its handle */
} TableObject;

extern PyTypeObject sip_environment_type, sip_table_type;

/* NULL and -1 with an exception. The value, or None: a new reference. */
PyObject *sip_environment_get(EnvironmentObject *self, PyObject *table, PyObject *key);
/* Opens the write transaction, unless writes are staged: what is read next is going to be changed, and needs no other to be read in. */
int sip_environment_intend(EnvironmentObject *self);
int sip_environment_put(EnvironmentObject *self, PyObject *table, PyObject *key, PyObject *value);
int sip_environment_delete(EnvironmentObject *self, PyObject *table, PyObject *key); /* 0: there is no such key */
int sip_environment_renew(EnvironmentObject *self); /* what others have committed is read from now on */
int sip_environment_write_staged(EnvironmentObject *self);
int sip_environment_commit(EnvironmentObject *self);

PyObject *sip_table_record(TableObject *self, PyObject *text);
int sip_table_put(TableObject *self, PyObject *text, PyObject *record);
int sip_table_delete(TableObject *self, PyObject *text);

#endif
