/* Trunks as calls see them: the bases of TrunkState and TargetState (sipmesh/signalling/trunks.py), which count its calls and put its
 * targets in order, and of CallTrunks (sipmesh/signalling/call_trunks.py), which knows the trunks that each call goes over. */
#ifndef SIP_TRUNK_H
#define SIP_TRUNK_H

#include "sip_call_record.h"

#define SIP_TARGET_REST_S 30.0 /* how long a target that failed is left alone when nothing probes it */

typedef struct {
    PyObject_HEAD
    long long weight;
    char probed;
    double rests_until;  /* monotonic, s; it asked for that */
    PyObject *failed_at; /* monotonic, s; None: alive */
} TargetObject;

/* The garbage collector walks these two. */
typedef struct {
    PyObject_HEAD
    long long calls, max_calls; /* of this worker; of all workers together, 0: as many as may be */
    char edits;                 /* messages of its calls are changed */
    char plain;                 /* nor are requests that begin something */
    char transit, trusted;
    PyObject *name;
    PyObject *elsewhere; /* dict: calls of other workers by their index */
    PyObject *targets;   /* list of TargetObject */
    PyObject *random;    /* called for a number from 0 up to 1 */
    PyObject *on_count;  /* called with the trunk when the number of its calls changed and is limited; or None */
} TrunkObject;

typedef struct {
    PyObject_HEAD
    PyObject *by_name; /* dict of trunks */
    PyObject *edited;  /* set: keys of calls whose messages we change */
} CallTrunksObject;

extern PyTypeObject sip_target_type, sip_trunk_type, sip_call_trunks_type;

int sip_trunk_is_full(TrunkObject *self); /* 1 or 0, -1 with an exception */
int sip_trunk_count(TrunkObject *self, int step);
/* A new list of its targets, in the order to try them at `now`. */
PyObject *sip_trunk_in_turn(TrunkObject *self, double now);

/* The trunk that a str names; borrowed. NULL for "" and for what is no trunk, or with an exception. */
TrunkObject *sip_call_trunks_find(CallTrunksObject *self, PyObject *name);
/* -1 with an exception. */
int sip_call_trunks_begun(CallTrunksObject *self, PyObject *key, CallRecordObject *record);
int sip_call_trunks_ended(CallTrunksObject *self, PyObject *key, CallRecordObject *record);

#endif
