/* What is looked at of who begins a call. */
#include "sip_application.h"
#include "sip_py.h"
#include "sip_source.h"

/* A trunk has certificates and its own limits. */
static int is_user(PyObject *caller) {
    static struct sip_py_word word_trunk = {"trunk", NULL};
    PyObject *trunk = sip_py_get(caller, &word_trunk);
    Py_XDECREF(trunk); /* the caller has it */
    return trunk ? trunk == Py_None : -1;
}

/* One that can't be connected to is called back over the flow. */
static int mark_unverifiable(InboundObject *request) {
    int is = sip_source_is_unverifiable((MessageObject *)request->message, request->flow);
    if (is > 0) Py_SETREF(request->natted, Py_NewRef(Py_True));
    return is < 0 ? -1 : 0;
}

int sip_application_look_at_sender(ApplicationObject *self, InboundObject *request, PyObject *caller) {
    static struct sip_py_word limit = {"limit", NULL};
    if (!self->limits_users && !self->verifies) return 0;
    int user = is_user(caller);
    if (user <= 0) return user;
    if (self->limits_users && sip_py_do((PyObject *)self, &limit, (PyObject *)request, caller) < 0) return -1;
    return self->verifies ? mark_unverifiable(request) : 0;
}
