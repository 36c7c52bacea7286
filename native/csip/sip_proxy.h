/* What the proxy keeps of a request: the bases of the classes in sipcore/proxy, which say what each field means. No garbage
 * collector walks these: hundreds of thousands may wait for a late 2xx, and their owners cut what could be a cycle.
 *
 * The plain way of a message is in C. Whatever needs a decision is a method of the Python class, called by name. */
#ifndef SIP_PROXY_H
#define SIP_PROXY_H

#include "sip_message_type.h"

/* What an exchange wants to be told of (sipcore/ports.py). */
enum sip_sight {
    SIP_SEES_REQUESTS = 1,
    SIP_SEES_PROVISIONALS = 2,
    SIP_SEES_SUCCESSES = 4,
    SIP_SEES_FAILURES = 8,
    SIP_SEES_IDENTITIES = 16, /* responses with P-Asserted-Identity or P-Preferred-Identity */
    SIP_SEES_BRANCH_ENDS = 32,
    SIP_SEES_END = 64,
};

/* ProxyCore; the garbage collector walks it */
typedef struct {
    PyObject_HEAD
    unsigned int max_forwards, max_breadth;
    PyObject *app, *flows, *resolver, *timers, *transactions;
    PyObject *branch_mac, *branch_key_id, *branch_prefix;       /* of our Via branches */
    PyObject *vias, *record_routes;                             /* dict by listener index: up to what differs per request */
    PyObject *no_dialog;                                        /* frozenset of methods */
    PyObject *context_class, *branch_class;
} CoreObject;

/* InboundRequest */
typedef struct {
    PyObject_HEAD
    int status, breadth;
    char cancelled;
    PyObject *core, *transaction, *message, *flow, *cookie, *context, *identity, *loop_hash, *natted, *call_key;
} InboundObject;

/* ResponseContext */
typedef struct {
    PyObject_HEAD
    int status, share, pending, sees;
    char invite, cancelled, stay, stopped, settled, looks_on;
    PyObject *core, *request, *exchange, *groups, *cookie, *branches, *outcomes;
} ContextObject;

/* Branch */
typedef struct {
    PyObject_HEAD
    int index, status;
    char cancelling;
    double timer_c_extended;
    PyObject *context, *target, *request, *destinations, *via_branch, *flow, *outcome, *transaction, *timer_c, *silence_timer,
        *current, *waiting;
} BranchObject;

extern PyTypeObject sip_core_type, sip_inbound_type, sip_context_type, sip_branch_type;

static inline InboundObject *sip_inbound_of(const ContextObject *context) { return (InboundObject *)context->request; }
static inline ContextObject *sip_context_of(const BranchObject *branch) { return (ContextObject *)branch->context; }

/* --- sip_proxy_response.c: -1 and NULL with an exception --- */

/* A client transaction's response. The caller holds `branch`. */
int sip_branch_response(BranchObject *branch, MessageObject *response);

/* Calls exchange.method(branch, message, proceed) of an exchange that looks on. */
int sip_exchange_shown(BranchObject *branch, struct sip_py_word *method, PyObject *message);

void sip_inbound_release(InboundObject *request);
PyObject *sip_branch_on_response(BranchObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_branch_pass_upstream(BranchObject *self, PyObject *response);
PyObject *sip_branch_stop_timers(BranchObject *self, PyObject *unused);
PyObject *sip_context_forward(ContextObject *self, PyObject *response);
PyObject *sip_context_end(ContextObject *self, PyObject *status);
PyObject *sip_context_finish(ContextObject *self, PyObject *unused);

/* --- sip_proxy_core.c --- */

PyTypeObject *sip_proxy_class(PyObject *class, PyTypeObject *base); /* TypeError when it isn't made of `base` */

/* --- sip_proxy_send.c --- */

PyObject *sip_branch_start(BranchObject *self, PyObject *unused);
PyObject *sip_branch_reach(BranchObject *self, PyObject *destinations);
PyObject *sip_branch_send(BranchObject *self, PyObject *unused);

/* --- sip_proxy_type.c --- */

/* A new branch of `context`, which waits for it from now on. `destinations`: left to try; None: not yet resolved. */
ContextObject *sip_context_new(PyTypeObject *class, InboundObject *request, PyObject *exchange, PyObject *groups);
BranchObject *sip_branch_new(PyTypeObject *class, ContextObject *context, PyObject *target, PyObject *destinations);

#endif
