/* Which client transactions a connection takes with it when it fails (RFC 3261 section 17.1.4). */
#include "sip_flow.h"
#include "sip_py.h"
#include "sip_transaction_type.h"

/* Those on a connection, by its id, oldest first: the keys of a dict. Borrowed, NULL with an exception or without. */
static PyObject *on_connection(LayerObject *self, PyObject *flow, PyObject **id) {
    static struct sip_py_word connection_id = {"connection_id", NULL};
    *id = sip_py_get(flow, &connection_id);
    return *id ? PyDict_GetItemWithError(self->watched, *id) : NULL;
}

static int add(LayerObject *self, PyObject *id, PyObject *others, PyObject *client) {
    if (others) return PyDict_SetItem(others, client, Py_None);
    PyObject *first = PyDict_New();
    int result = first && PyDict_SetItem(first, client, Py_None) == 0 ? PyDict_SetItem(self->watched, id, first) : -1;
    Py_XDECREF(first);
    return result;
}

int sip_layer_watch(LayerObject *self, ClientObject *client) {
    static struct sip_py_word fail_soon = {"fail_soon", NULL};
    PyObject *id, *others = on_connection(self, client->base.flow, &id);
    int result = others || !PyErr_Occurred() ? add(self, id, others, (PyObject *)client) : -1;
    Py_XDECREF(id);
    int closed = result < 0 ? -1 : sip_flow_is_closed(client->base.flow);
    return closed > 0 ? sip_py_do((PyObject *)self, &fail_soon, client->base.flow, NULL) : closed;
}

int sip_layer_unwatch(LayerObject *self, ClientObject *client) {
    int reliable = sip_flow_is_reliable(client->base.flow);
    if (reliable <= 0) return reliable;
    PyObject *id, *watching = on_connection(self, client->base.flow, &id);
    int result = watching ? sip_layer_forget(watching, (PyObject *)client) : PyErr_Occurred() ? -1 : 0;
    if (result == 0 && watching && PyDict_GET_SIZE(watching) == 0) result = PyDict_DelItem(self->watched, id);
    Py_XDECREF(id);
    return result;
}

PyObject *sip_layer_unwatch_method(LayerObject *self, PyObject *client) {
    if (!sip_py_is_a(client, &sip_client_type)) return PyErr_Format(PyExc_TypeError, "a client transaction expected");
    return sip_py_none(sip_layer_unwatch(self, (ClientObject *)client));
}
