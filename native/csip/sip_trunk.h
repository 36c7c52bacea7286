/* Trunks as calls see them: the base of TrunkState (sipmesh/signalling/trunks.py), which counts its calls, and of CallTrunks
 * (sipmesh/signalling/call_trunks.py), which knows the trunks that each call goes over. */
#ifndef SIP_TRUNK_H
#define SIP_TRUNK_H

#include "sip_call_record.h"

/* The garbage collector walks both. */
typedef struct {
    PyObject_HEAD
    long long calls, max_calls; /* of this worker; of all workers together, 0: as many as may be */
    char edits;                 /* messages of its calls are changed */
    char plain;                 /* nor are requests that begin something */
    char transit, trusted;
    PyObject *name;
    PyObject *elsewhere; /* dict: calls of other workers by their index */
    PyObject *on_count;  /* called with the trunk when the number of its calls changed and is limited; or None */
} TrunkObject;

typedef struct {
    PyObject_HEAD
    PyObject *by_name; /* dict of trunks */
    PyObject *edited;  /* set: keys of calls whose messages we change */
} CallTrunksObject;

extern PyTypeObject sip_trunk_type, sip_call_trunks_type;

int sip_trunk_is_full(TrunkObject *self); /* 1 or 0, -1 with an exception */
int sip_trunk_count(TrunkObject *self, int step);

/* The trunk that a str names; borrowed. NULL for "" and for what is no trunk, or with an exception. */
TrunkObject *sip_call_trunks_find(CallTrunksObject *self, PyObject *name);
/* -1 with an exception. */
int sip_call_trunks_begun(CallTrunksObject *self, PyObject *key, CallRecordObject *record);
int sip_call_trunks_ended(CallTrunksObject *self, PyObject *key, CallRecordObject *record);

#endif
