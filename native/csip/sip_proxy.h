/* What the proxy keeps of a request: the bases of the classes in sipcore/proxy, which say what each field means. No garbage
 * collector walks these: hundreds of thousands may wait for a late 2xx, and their owners cut what could be a cycle.
 *
 * The plain way of a message is in C. Whatever needs a decision is a method of the Python class, called by name. */
#ifndef SIP_PROXY_H
#define SIP_PROXY_H

#include "sip_message_type.h"
#include "sip_timers.h"

/* What an exchange wants to be told of (sipcore/ports.py). */
enum sip_sight {
    SIP_SEES_REQUESTS = 1,
    SIP_SEES_PROVISIONALS = 2,
    SIP_SEES_SUCCESSES = 4,
    SIP_SEES_FAILURES = 8,
    SIP_SEES_IDENTITIES = 16, /* responses with P-Asserted-Identity or P-Preferred-Identity */
    SIP_SEES_BRANCH_ENDS = 32,
    SIP_SEES_END = 64,
    SIP_SEES_FAILED_END = 128, /* with a final response of 300 and up */
};

/* ProxyCore; the garbage collector walks it */
typedef struct {
    PyObject_HEAD
    unsigned int max_forwards, max_breadth;
    double timer_c_s;
    PyObject *app, *flows, *resolver, *timers, *transactions;
    PyObject *branch_mac, *branch_key_id, *branch_prefix;       /* of our Via branches */
    PyObject *vias, *record_routes;                             /* dict by listener index: up to what differs per request */
    PyObject *cookie_keys;                                      /* KeyRing */
    PyObject *no_dialog;                                        /* frozenset of methods */
    PyObject *ports;                                            /* frozenset: our listeners' */
    PyObject *inbound_class, *context_class, *branch_class, *target_class, *ack_class;
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
    PyObject *core, *request, *exchange, *groups, *cookie, *branches, *failed;
} ContextObject;

/* Branch */
typedef struct {
    PyObject_HEAD
    int index, status;
    char cancelling;
    struct sip_timer timer_c, silence; /* each holds a reference while it runs */
    double timer_c_extended;
    PyObject *context, *target, *request, *destinations, *via_branch, *flow, *reason, *answer, *transaction,
        *current, *waiting;
} BranchObject;

extern PyTypeObject sip_core_type, sip_inbound_type, sip_context_type, sip_branch_type, sip_ack_type;

static inline InboundObject *sip_inbound_of(const ContextObject *context) { return (InboundObject *)context->request; }
static inline ContextObject *sip_context_of(const BranchObject *branch) { return (ContextObject *)branch->context; }
static inline InboundObject *sip_request_of(const BranchObject *branch) { return sip_inbound_of(sip_context_of(branch)); }
static inline bool sip_is_challenge(int status) { return status == 401 || status == 407; }
static inline CoreObject *sip_core_of(const BranchObject *branch) { return (CoreObject *)sip_request_of(branch)->core; }

/* --- sip_proxy_response.c: -1 and NULL with an exception --- */

/* A client transaction's response. The caller holds `branch`. */
int sip_branch_response(BranchObject *branch, MessageObject *response);

/* Calls exchange.method(branch, message, proceed); `proceed` is NULL for an exchange that looks on. */
int sip_exchange_shown(BranchObject *branch, struct sip_py_word *method, PyObject *message, PyObject *proceed);

/* The branch has its final status. */
int sip_branch_tell_ended(BranchObject *self);

void sip_inbound_release(InboundObject *request);
PyObject *sip_branch_on_response(BranchObject *self, PyObject *const *args, Py_ssize_t count);
int sip_branch_pass_upstream(BranchObject *self, PyObject *response);
PyObject *sip_context_forward(ContextObject *self, PyObject *response);
PyObject *sip_context_end(ContextObject *self, PyObject *status);
PyObject *sip_context_finish(ContextObject *self, PyObject *unused);

/* --- sip_proxy_failed.c --- */

/* The branch ends with that status of 300 and up: by its `answer`, a Message, or for our own `reason`, a str; the other is None. */
int sip_branch_failed(BranchObject *self, int status, PyObject *reason, PyObject *answer);
/* For a reason of our own, unless it has ended. */
int sip_branch_fail(BranchObject *self, int status, const char *reason);
PyObject *sip_branch_fail_method(BranchObject *self, PyObject *const *args, Py_ssize_t count);

/* --- sip_proxy_best.c --- */

/* Every branch has failed: the best response goes upstream. */
int sip_context_settle(ContextObject *self);
PyObject *sip_context_settle_method(ContextObject *self, PyObject *unused);

/* --- sip_proxy_cancel.c --- */

/* A 2xx came while other branches wait; a 6xx of that status did. They are cancelled, and told why. */
int sip_context_completed(ContextObject *self);
int sip_context_declined(ContextObject *self, int status);
PyObject *sip_context_stop(ContextObject *self, PyObject *headers);
PyObject *sip_branch_cancel(BranchObject *self, PyObject *const *args, Py_ssize_t count);

/* --- sip_proxy_cancelled.c --- */

PyObject *sip_core_on_cancel(CoreObject *self, PyObject *const *args, Py_ssize_t count);

/* --- sip_proxy_fork.c --- */

PyObject *sip_proxy_appended(PyObject *tuple, PyObject *item);
/* Starts the next group of targets. */
int sip_context_start(ContextObject *self);
/* Item 5 of RFC 3261 section 16.6: `groups` is a tuple of lists of targets. */
int sip_inbound_begin(InboundObject *self, PyObject *groups, PyObject *exchange);
PyObject *sip_inbound_begin_method(InboundObject *self, PyObject *const *args, Py_ssize_t count);

/* --- sip_proxy_hold.c --- */

int sip_proceed_init(void); /* before the others */
int sip_proceed(PyObject *proceed); /* proceed() */
/* To an exchange that may hold it back. */
int sip_branch_show_request(BranchObject *branch);
int sip_branch_offer(BranchObject *branch, MessageObject *response);

/* --- sip_proxy_admit.c --- */

PyObject *sip_core_on_request(CoreObject *self, PyObject *transaction);
PyObject *sip_core_is_ours(CoreObject *self, PyObject *uri);

/* RFC 3261 section 16.3 items 1 to 3 and 5. */
int sip_core_check(CoreObject *self, MessageObject *message, uint32_t *traits);
/* The cookie of the dialog that a request belongs to, or None; a new reference. Our Routes are gone. When it isn't found at once and
 * `received` is not NULL, the loop hash of the request as it was received is put there. */
PyObject *sip_core_cookie(CoreObject *self, MessageObject *message, uint32_t traits, PyObject *flow, PyObject **loop_hash);
int sip_core_owns_uri(CoreObject *self, MessageObject *message); /* whether the Request-URI names us: 1, 0 or -1 */
bool sip_may_be_gruu(const struct sip_message *message); /* the Request-URI, with no Route left */

/* --- sip_proxy_ack.c --- */

PyObject *sip_core_on_ack(CoreObject *self, PyObject *const *args, Py_ssize_t count);
/* What the application was given to let an ACK go on, called; None, or NULL with an exception. */
PyObject *sip_ack_proceed(PyObject *proceed);

/* --- sip_proxy_core.c --- */

PyObject *sip_proxy_listener(PyObject *flow); /* flow.listener.index */
int sip_proxy_add(struct sip_buffer *out, PyObject *str);
int sip_proxy_add_start(struct sip_buffer *out, PyObject *starts, PyObject *index); /* what the dict has for that listener */
int sip_proxy_push(MessageObject *message, enum sip_name id, struct sip_buffer *value);
/* Calls object.method(first, error), or method(error) when `first` is NULL, with the exception that is set: the method raises it again
 * if it knows no answer. */
int sip_proxy_hand_over(PyObject *object, struct sip_py_word *method, PyObject *first);

PyTypeObject *sip_proxy_class(PyObject *class, PyTypeObject *base); /* TypeError when it isn't made of `base` */

/* --- sip_proxy_timers.c --- */

extern const struct sip_timer_kind sip_timer_c_kind, sip_silence_kind;

/* From now on the target has `seconds` (a number) for its first response. */
int sip_branch_start_silence(BranchObject *self, PyObject *seconds);
/* RFC 3261 section 16.7 item 2. */
int sip_branch_restart_timers(BranchObject *self, int status);
void sip_branch_end_timers(BranchObject *self);
void sip_branch_end_timer_c(BranchObject *self);

/* --- sip_proxy_broken.c --- */

/* Passes on 0. At -1, an error of ours while the branch was at `what` (in a hook of the application, or for want of memory), the
 * branch fails, so that nobody waits for ever: 0 again, or -1 when that can't be done either, or the exception is none to go on
 * after. */
int sip_branch_mended(BranchObject *self, struct sip_py_word *what, int result);
/* Passes on what came of `response`, save that it could not be read: what the peer wrote is no error of ours. */
int sip_branch_read(BranchObject *self, MessageObject *response, int result);
/* As sip_py_done, of what an exchange was told: an error there is reported, and changes nothing. */
int sip_exchange_told(ContextObject *context, PyObject *result);

/* --- sip_proxy_add.c, sip_proxy_cookie.c --- */

int sip_branch_add_ourselves(BranchObject *self);
PyObject *sip_branch_cookie(BranchObject *self); /* text of the cookie of its Record-Route; a new reference */

/* --- sip_proxy_reply.c --- */

/* A final response of our own to a request that is neither answered nor proxied; without effect once it was cancelled. `lines` are its
 * headers, besides those it has of the request. */
int sip_inbound_answer(InboundObject *self, int status, struct sip_buffer *lines);
/* As that, of what is no INVITE, where a repetition of the request may well be answered anew: nothing is kept for it (RFC 3261
 * section 8.2.7). */
int sip_inbound_answer_once(InboundObject *self, int status, struct sip_buffer *lines);
PyObject *sip_inbound_respond(InboundObject *self, PyObject *args, PyObject *kwargs);
PyObject *sip_inbound_reply(InboundObject *self, PyObject *args, PyObject *kwargs);

/* --- sip_proxy_send.c --- */

PyObject *sip_branch_start(BranchObject *self, PyObject *unused);
PyObject *sip_branch_reach(BranchObject *self, PyObject *destinations);
PyObject *sip_branch_send(BranchObject *self, PyObject *unused);

/* --- sip_proxy_inbound.c, sip_proxy_type.c --- */

/* A new branch of `context`, which waits for it from now on. `destinations`: left to try; None: not yet resolved. */
InboundObject *sip_inbound_new(PyTypeObject *class, CoreObject *core, PyObject *transaction, MessageObject *message, PyObject *flow);
/* What the Python class says of them: a borrowed reference, and 1, 0 or -1. */
PyObject *sip_inbound_call_key(InboundObject *self);
int sip_inbound_natted(InboundObject *self);
/* Sends a request that is neither answered nor proxied to one target; without effect once it was cancelled. */
int sip_inbound_forward(InboundObject *self, PyObject *target, PyObject *exchange);
/* Likewise to those of a list: the next when what became of one lets it go on, or all at once. */
int sip_inbound_forward_in_turn(InboundObject *self, PyObject *targets, PyObject *exchange);
int sip_inbound_fork(InboundObject *self, PyObject *targets, PyObject *exchange);
ContextObject *sip_context_new(PyTypeObject *class, InboundObject *request, PyObject *exchange, PyObject *groups);
BranchObject *sip_branch_new(PyTypeObject *class, ContextObject *context, PyObject *target, PyObject *destinations);

#endif
