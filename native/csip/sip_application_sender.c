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

/* Whether a user may begin one more: 1 or 0, -1 with an exception. */
static int may_begin(ApplicationObject *self, InboundObject *request, PyObject *caller) {
    static struct sip_py_word word_aor = {"aor", NULL};
    int exempt = sip_authorizer_exempts((AuthorizerObject *)self->authorizer, request);
    if (exempt) return exempt;
    PyObject *aor = sip_py_get(caller, &word_aor);
    int may = aor ? sip_rates_take((RatesObject *)self->user_rates, aor, sip_clock_now(self->timers)) : -1;
    Py_XDECREF(aor);
    return may;
}

int sip_application_look_at_sender(ApplicationObject *self, InboundObject *request, PyObject *caller) {
    static struct sip_py_word limited = {"limited", NULL};
    bool limits = self->user_rates != Py_None;
    int user = limits || self->verifies ? is_user(caller) : 0;
    int may = user > 0 && limits ? may_begin(self, request, caller) : 1;
    if (user < 0 || may < 0) return -1;
    if (!may) return sip_py_do((PyObject *)self, &limited, (PyObject *)request, caller);
    return user && self->verifies ? mark_unverifiable(request) : 0;
}
