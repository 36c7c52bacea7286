#include "sip_counted.h"

#include "sip_flow.h"

static PyObject *find(struct sip_counted *counted, PyObject *receiver, PyObject *method, PyObject *listener) {
    static struct sip_py_word transport = {"transport", NULL}, name_counter = {"name_counter", NULL};
    PyObject *way = sip_py_get(listener, &transport);
    PyObject *names = way ? PyDict_GetItemWithError(counted->names, way) : NULL;
    PyObject *found = names && PyDict_Check(names) ? Py_XNewRef(PyDict_GetItemWithError(names, method)) : NULL;
    if (way && !found && !PyErr_Occurred()) found = sip_py_call(receiver, &name_counter, method, way);
    Py_XDECREF(way);
    return found;
}

static void forget(struct sip_counted_name *kept) {
    Py_CLEAR(kept->listener);
    Py_CLEAR(kept->method);
    Py_CLEAR(kept->name);
}

/* Listeners and the methods in common use keep their objects. */
PyObject *sip_counted_name(struct sip_counted *counted, PyObject *receiver, PyObject *method, PyObject *flow) {
    PyObject *listener = sip_flow_listener(flow);
    if (!listener) return NULL;
    struct sip_counted_name *kept = &counted->kept[((uintptr_t)listener >> 4 ^ (uintptr_t)method >> 4) % SIP_COUNTED_KEPT];
    if (kept->listener != listener || kept->method != method) {
        PyObject *name = find(counted, receiver, method, listener);
        forget(kept);
        if (name) *kept = (struct sip_counted_name){Py_NewRef(listener), Py_NewRef(method), name};
    }
    Py_DECREF(listener);
    return kept->name;
}

void sip_counted_clear(struct sip_counted *counted) {
    for (size_t i = 0; i < SIP_COUNTED_KEPT; i++) forget(&counted->kept[i]);
    Py_CLEAR(counted->names);
}
