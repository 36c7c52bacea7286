/* The record of a call and its legs; sip.pyi says what each field means. Objects of Python may have been put in any field, so their
 * types are looked at where it matters. */
#ifndef SIP_CALL_RECORD_H
#define SIP_CALL_RECORD_H

#include "sip_proxy.h"

#define SIP_CALL_SCHEMA 2

enum sip_side { SIP_CALLER, SIP_CALLEE };

typedef struct {
    PyObject_HEAD
    PyObject *tag, *remote_target, *route_set, *remote_host;
    long long cseq, connection_id;
    int listener, remote_port;
    char natted;
} CallLegObject;

typedef struct {
    PyObject_HEAD
    char hides_caller;
    double started_at, answered_at, ringing_at, bye_at;
    PyObject *v, *call_id, *from_tag, *to_tag, *caller, *callee, *source, *state, *legs, *destination, *route, *trunk_in, *trunk_out,
        *ng_call_id, *ng_branch, *bye_by, *silent, *srtp, *names, *shifts, *media, *forks;
} CallRecordObject;

extern PyTypeObject sip_call_leg_type, sip_call_record_type;

int sip_call_record_init(void); /* before the types are used */

/* With every field as it is at first. */
CallLegObject *sip_call_leg_new(void);
CallRecordObject *sip_call_record_new(void);

/* Borrowed; NULL with an exception when there is none. */
CallLegObject *sip_call_leg_of(CallRecordObject *record, enum sip_side side);
bool sip_call_is_plain(const CallRecordObject *record); /* over no trunk, and the callee is shown what the caller wrote */
bool sip_call_is(const CallRecordObject *record, const char *state);
/* Whether a message's tag, None when it has none (RFC 2543), is that of a record. */
bool sip_call_same_tag(PyObject *tag, PyObject *recorded);
/* Whether a request within a dialog, with these tags (str or None), is of the one the call made, or of an early one. */
bool sip_call_belongs(const CallRecordObject *record, PyObject *from_tag, PyObject *to_tag);

/* Who sends a request within a dialog of the call, and who gets it; borrowed. */
struct sip_call_sides {
    CallLegObject *sender, *receiver;
};
/* By its tags: 1, 0 when they are of none of its dialogs, -1 with an exception. sip_calls_within.c */
int sip_call_sides(CallRecordObject *record, MessageObject *request, struct sip_call_sides *sides);

static inline bool sip_is_empty(PyObject *text) { return PyUnicode_Check(text) && !PyUnicode_GET_LENGTH(text); }
static inline bool sip_same_str(PyObject *one, PyObject *other) {
    return one == other || (PyUnicode_Check(one) && PyUnicode_Check(other) && PyUnicode_Compare(one, other) == 0);
}

/* --- sip_call_legs.c: new references, NULL with an exception --- */

/* The caller of the dialog that an InboundRequest asks for by its `message`, over its `flow`. */
CallLegObject *sip_caller_of(PyObject *request, MessageObject *message, PyObject *flow);
/* The callee of the dialog that `response` makes; of one that can't be read, what the branch knows of it: the response is the
 * caller's to judge, and passes. */
CallLegObject *sip_callee_of(CallRecordObject *record, PyObject *branch, MessageObject *response);

/* --- sip_call_begun.c --- */

struct sip_call_plan {
    PyObject *caller, *hop; /* Caller, Hop; without a hop it leads nowhere */
    PyObject *srtp, *names; /* NULL: passes; none */
    double started_at;
    bool is_relayed;
};

/* Of a call that is about to be proxied, or of one that leads nowhere, for its CDR. */
CallRecordObject *sip_call_begun_by(PyObject *request, const struct sip_call_plan *plan);

PyObject *sip_callee_of_py(PyObject *unused, PyObject *const *args, Py_ssize_t count);
PyObject *sip_begun_by_py(PyObject *unused, PyObject *args, PyObject *kwargs);

#endif
