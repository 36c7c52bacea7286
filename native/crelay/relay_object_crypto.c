/* Relay.set_crypto, whose keys are taken from tuples and wiped, and Relay.rollovers. */
#include <openssl/crypto.h>

#include "relay_module.h"

#define MAX_MKI_BYTES 128 /* RFC 4568 section 6.1 */

static bool parse_key(PyObject *tuple, const char *name, struct relay_key *key)
{
    const char *suite;
    Py_buffer bytes;
    long mki_bytes = 0;
    if (tuple == Py_None)
        return true;
    if (!PyTuple_Check(tuple)) {
        PyErr_Format(PyExc_TypeError, "%s must be (suite, key, mki_bytes) or None", name);
        return false;
    }
    if (!PyArg_ParseTuple(tuple, "sy*l", &suite, &bytes, &mki_bytes))
        return false;
    key->suite = (uint8_t)relay_suite_named(suite);
    bool fits = key->suite != RELAY_NO_SUITE && bytes.len == (Py_ssize_t)relay_suite_key_bytes(key->suite);
    if (fits)
        memcpy(key->bytes, bytes.buf, (size_t)bytes.len);
    else if (key->suite == RELAY_NO_SUITE)
        PyErr_Format(PyExc_ValueError, "%s: no such crypto suite: %s", name, suite);
    else
        PyErr_Format(PyExc_ValueError, "%s: %s wants %zu bytes of master key and salt, not %zd", name, suite,
                     relay_suite_key_bytes(key->suite), bytes.len);
    PyBuffer_Release(&bytes);
    key->mki_bytes = (uint8_t)mki_bytes;
    return fits && relay_in_range("mki_bytes", mki_bytes, 0, MAX_MKI_BYTES);
}

PyObject *relay_object_set_crypto(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", "receive", "send", NULL};
    struct relay *relay = relay_made(self);
    struct relay_key keys[RELAY_WAYS] = {0};
    unsigned int stream;
    long side;
    PyObject *receive, *send;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "IlOO", names, &stream, &side, &receive, &send) ||
        !relay_in_range("side", side, 0, 1))
        return NULL;
    bool parsed = parse_key(receive, "receive", &keys[RELAY_RECEIVE]) && parse_key(send, "send", &keys[RELAY_SEND]);
    if (parsed && keys[RELAY_SEND].mki_bytes != 0)
        parsed = relay_in_range("send: mki_bytes", keys[RELAY_SEND].mki_bytes, 0, 0);
    if (parsed) {
        Py_BEGIN_ALLOW_THREADS
        error = relay_set_crypto(relay, stream, (int)side, keys);
        Py_END_ALLOW_THREADS
    }
    OPENSSL_cleanse(keys, sizeof keys);
    return parsed ? relay_none_or_fail(error, stream) : NULL;
}

PyObject *relay_object_rollovers(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "side", NULL};
    struct relay *relay = relay_made(self);
    uint32_t rollovers = 0;
    unsigned int stream;
    long side;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Il", names, &stream, &side) ||
        !relay_in_range("side", side, 0, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_rollovers(relay, stream, (int)side, &rollovers);
    Py_END_ALLOW_THREADS
    return error == RELAY_OK ? PyLong_FromUnsignedLong(rollovers) : relay_none_or_fail(error, stream);
}
