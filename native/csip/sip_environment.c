/* Reads, writes and the commit of an LMDB environment. */
#include "sip_store.h"

#define PAGE_BYTES 4096 /* what a write may take besides its value */

/* object.name(*args) of py-lmdb, whose first argument is the object. */
static PyObject *call(struct sip_py_word *name, PyObject *const *args, size_t count) {
    PyObject *text = sip_py_text(name);
    return text ? PyObject_VectorcallMethod(text, args, count, NULL) : NULL;
}

/* An error of LMDB's, which is set, is the Python class's to tell of: it raises another. */
static int handed_over(EnvironmentObject *self, struct sip_py_word *method) {
    PyObject *error = sip_py_fetched();
    int result = sip_py_do((PyObject *)self, method, error, NULL);
    Py_XDECREF(error);
    return result;
}

/* --- transactions --- */

/* Without a look at the map, which the Python class has when it is due; it also knows what to do when LMDB refuses. */
static int begin_write(EnvironmentObject *self) {
    static struct sip_py_word begin = {"begin", NULL}, carefully = {"begin_write", NULL};
    PyObject *args[] = {self->env, Py_None, Py_None, Py_True}, *txn = NULL;
    if (self->spare_bytes > 0 && !(txn = call(&begin, args, 4))) PyErr_Clear();
    if (!txn) return sip_py_do((PyObject *)self, &carefully, NULL, NULL);
    Py_SETREF(self->write, txn);
    return 0;
}

/* A new reference. */
static PyObject *begin_read(EnvironmentObject *self) {
    static struct sip_py_word begin = {"begin", NULL}, carefully = {"begin_read", NULL};
    PyObject *txn = sip_py_call(self->env, &begin, NULL, NULL);
    if (txn) return txn;
    PyErr_Clear();
    return sip_py_call((PyObject *)self, &carefully, NULL, NULL);
}

static int end(PyObject *txn, struct sip_py_word *how) { return sip_py_do(txn, how, NULL, NULL); }

int sip_environment_renew(EnvironmentObject *self) {
    static struct sip_py_word abort = {"abort", NULL};
    if (self->reading == Py_None) return 0;
    PyObject *txn = self->reading;
    self->reading = Py_NewRef(Py_None);
    int result = end(txn, &abort);
    Py_DECREF(txn);
    return result;
}

/* --- reading --- */

static PyObject *get_by(PyObject *txn, PyObject *table, PyObject *key) {
    static struct sip_py_word get = {"get", NULL};
    PyObject *args[] = {txn, key, Py_None, table};
    return call(&get, args, 4);
}

/* Borrowed; NULL also when nothing is staged. */
static PyObject *staged(EnvironmentObject *self, PyObject *table, PyObject *key) {
    PyObject *pair = PyDict_GET_SIZE(self->staged) ? PyTuple_Pack(2, table, key) : NULL;
    PyObject *value = pair ? PyDict_GetItemWithError(self->staged, pair) : NULL;
    Py_XDECREF(pair);
    return value;
}

static PyObject *get_once(PyObject *txn, PyObject *table, PyObject *key) {
    static struct sip_py_word abort = {"abort", NULL};
    PyObject *value = get_by(txn, table, key);
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    if (end(txn, &abort) < 0) Py_CLEAR(value);
    if (type) PyErr_Restore(type, error, traceback);
    return value;
}

PyObject *sip_environment_get(EnvironmentObject *self, PyObject *table, PyObject *key) {
    PyObject *value = staged(self, table, key);
    if (value || PyErr_Occurred()) return Py_XNewRef(value);
    if (self->write != Py_None) return get_by(self->write, table, key);
    if (self->reading != Py_None) return get_by(self->reading, table, key);
    PyObject *txn = begin_read(self);
    if (!txn) return NULL;
    if (self->keeps_read) Py_SETREF(self->reading, Py_NewRef(txn));
    value = self->keeps_read ? get_by(txn, table, key) : get_once(txn, table, key);
    Py_DECREF(txn);
    return value;
}

/* --- writing --- */

static int stage(EnvironmentObject *self, PyObject *table, PyObject *key, PyObject *value) {
    PyObject *pair = PyTuple_Pack(2, table, key);
    int result = pair ? PyDict_SetItem(self->staged, pair, value) : -1;
    Py_XDECREF(pair);
    return result;
}

int sip_environment_intend(EnvironmentObject *self) {
    return self->write != Py_None || self->stages ? 0 : begin_write(self);
}

static struct sip_py_word write_failed = {"write_failed", NULL};

int sip_environment_put(EnvironmentObject *self, PyObject *table, PyObject *key, PyObject *value) {
    static struct sip_py_word name = {"put", NULL};
    if (self->write == Py_None) {
        if (self->stages) return stage(self, table, key, value);
        if (begin_write(self) < 0) return -1;
    }
    self->spare_bytes -= PAGE_BYTES + PyBytes_GET_SIZE(value);
    PyObject *args[] = {self->write, key, value, Py_True, Py_True, Py_False, table};
    PyObject *done = call(&name, args, 7);
    if (!done) return handed_over(self, &write_failed);
    Py_DECREF(done);
    self->dirty = true;
    return 0;
}

static int stage_delete(EnvironmentObject *self, PyObject *table, PyObject *key) {
    PyObject *before = sip_environment_get(self, table, key);
    int result = before ? stage(self, table, key, Py_None) : -1;
    if (result == 0) result = before != Py_None;
    Py_XDECREF(before);
    return result;
}

int sip_environment_delete(EnvironmentObject *self, PyObject *table, PyObject *key) {
    static struct sip_py_word name = {"delete", NULL};
    if (self->write == Py_None) {
        if (self->stages) return stage_delete(self, table, key);
        if (begin_write(self) < 0) return -1;
    }
    self->spare_bytes -= PAGE_BYTES;
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *args[] = {self->write, key, empty, table}, *done = empty ? call(&name, args, 4) : NULL;
    Py_XDECREF(empty);
    if (!done) return handed_over(self, &write_failed);
    int found = PyObject_IsTrue(done);
    Py_DECREF(done);
    self->dirty = true;
    return found;
}

static int write_all(EnvironmentObject *self, PyObject *changes) {
    PyObject *pair, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(changes, &at, &pair, &value)) {
        PyObject *table = PyTuple_GET_ITEM(pair, 0), *key = PyTuple_GET_ITEM(pair, 1);
        int result = value == Py_None ? sip_environment_delete(self, table, key) : sip_environment_put(self, table, key, value);
        if (result < 0) return -1;
    }
    return 0;
}

/* Opens the transaction for what waited, and for what follows until the commit. */
int sip_environment_write_staged(EnvironmentObject *self) {
    PyObject *changes = self->staged, *none = PyDict_GET_SIZE(changes) ? PyDict_New() : NULL;
    if (!none) return PyErr_Occurred() ? -1 : 0;
    self->staged = none;
    int result = begin_write(self);
    if (result == 0) result = write_all(self, changes);
    Py_DECREF(changes);
    return result;
}

/* --- the commit --- */

static int commit_written(EnvironmentObject *self) {
    static struct sip_py_word name = {"commit", NULL}, failed = {"commit_failed", NULL};
    PyObject *txn = self->write;
    self->write = Py_NewRef(Py_None);
    self->dirty = false;
    int result = end(txn, &name);
    Py_DECREF(txn);
    return result < 0 ? handed_over(self, &failed) : 0;
}

int sip_environment_commit(EnvironmentObject *self) {
    static struct sip_py_word tell_lost = {"tell_lost", NULL};
    if (self->beside != Py_None && sip_environment_renew((EnvironmentObject *)self->beside) < 0) return -1;
    if (sip_environment_renew(self) < 0) return -1;
    if (sip_environment_write_staged(self) < 0) {
        self->lost = false; /* told now */
        return -1;
    }
    if (self->lost) return sip_py_do((PyObject *)self, &tell_lost, NULL, NULL);
    return self->write == Py_None ? 0 : commit_written(self);
}
