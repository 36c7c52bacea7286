/* Methods of native.relay.Relay about RTCP of its own. */
#include "relay_module.h"
#include "relay_reporting.h"

PyObject *relay_object_set_reports(RelayObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "reports", NULL};
    struct relay *relay = relay_made(self);
    unsigned int stream;
    int reports;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "Ip", names, &stream, &reports))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    error = relay_set_reports(relay, stream, reports != 0);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}

PyObject *relay_object_send_reports(RelayObject *self, PyObject *args)
{
    struct relay *relay = relay_made(self);
    unsigned int stream;
    const char *cname;
    Py_ssize_t length;
    enum relay_error error;
    if (relay == NULL || !PyArg_ParseTuple(args, "Is#", &stream, &cname, &length))
        return NULL;
    if (length != RELAY_CNAME_BYTES)
        return PyErr_Format(PyExc_ValueError, "cname must have %d bytes, not %zd", RELAY_CNAME_BYTES, length);
    Py_BEGIN_ALLOW_THREADS
    error = relay_send_reports(relay, stream, cname);
    Py_END_ALLOW_THREADS
    return relay_none_or_fail(error, stream);
}
