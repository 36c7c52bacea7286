#include "sip_source.h"

#include "sip_flow.h"
#include "sip_proxy.h"
#include "sip_reach.h"
#include "sip_sender.h"

void sip_source_release(struct sip_flow_source *source) {
    Py_XDECREF(source->host.holder);
    Py_DECREF(source->remote);
}

static bool is_named(PyObject *transport, const char *name) { return PyUnicode_CompareWithASCIIString(transport, name) == 0; }

/* A connection, and what is usual on its transport. */
static int read_connection(PyObject *flow, struct sip_source *source) {
    static struct sip_py_word connection_id = {"connection_id", NULL}, listener = {"listener", NULL}, transport = {"transport", NULL};
    source->connection_id = sip_py_unsigned(sip_py_get(flow, &connection_id));
    PyObject *place = PyErr_Occurred() ? NULL : sip_py_get(flow, &listener), *name = place ? sip_py_get(place, &transport) : NULL;
    Py_XDECREF(place);
    if (!name) return -1;
    source->verified = is_named(name, "tls") || is_named(name, "wss");
    source->default_port = is_named(name, "tls") ? 5061 : is_named(name, "wss") ? 443 : is_named(name, "ws") ? 80 : 5060;
    source->reliable = true;
    Py_DECREF(name);
    return 0;
}

int sip_source_read(PyObject *flow, struct sip_flow_source *source) {
    *source = (struct sip_flow_source){.read = {.default_port = 5060}};
    int reliable = sip_flow_is_reliable(flow);
    if (reliable < 0 || (reliable && read_connection(flow, &source->read) < 0)) return -1;
    source->read.listener = (uint32_t)sip_py_unsigned(sip_proxy_listener(flow));
    if (PyErr_Occurred() || !(source->remote = sip_flow_remote(flow))) return -1;
    bool pair = PyTuple_Check(source->remote) && PyTuple_GET_SIZE(source->remote) == 2;
    if (!pair) PyErr_SetString(PyExc_TypeError, "a source is host and port");
    unsigned long port = pair ? PyLong_AsUnsignedLong(PyTuple_GET_ITEM(source->remote, 1)) : 0;
    if (PyErr_Occurred() || sip_py_view(PyTuple_GET_ITEM(source->remote, 0), &source->host) < 0) {
        Py_DECREF(source->remote);
        return -1;
    }
    source->read.host = source->host.text;
    source->read.port = (uint32_t)port;
    return 0;
}

int sip_source_is_unverifiable(const MessageObject *request, PyObject *flow) {
    struct sip_flow_source source;
    int reliable = sip_flow_is_reliable(flow);
    if (reliable <= 0) return reliable;
    if (sip_source_read(flow, &source) < 0) return -1;
    bool is = sip_is_unverifiable(&request->core, &source.read);
    sip_source_release(&source);
    return is;
}

PyObject *sip_is_unverifiable_py(PyObject *unused, PyObject *const *args, Py_ssize_t count) {
    (void)unused;
    if (count != 2 || !Py_IS_TYPE(args[0], &sip_message_type)) return PyErr_Format(PyExc_TypeError, "a Message and a flow expected");
    int is = sip_source_is_unverifiable((MessageObject *)args[0], args[1]);
    return is < 0 ? NULL : PyBool_FromLong(is);
}

PyObject *sip_message_sender_natted(MessageObject *self, PyObject *const *args, Py_ssize_t count) {
    struct sip_py_view host;
    int reliable = count == 2 ? PyObject_IsTrue(args[1]) : -1;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "sender_natted(host, reliable)");
    if (reliable < 0 || sip_py_view(args[0], &host) < 0) return NULL;
    enum sip_sender sender = sip_find_sender(&self->core, host.text, reliable);
    Py_XDECREF(host.holder);
    return sender == SIP_SENDER_CONTACT ? Py_NewRef(Py_None) : PyBool_FromLong(sender == SIP_SENDER_NATTED);
}
