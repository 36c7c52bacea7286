/* The calls a worker proxies: the base of Calls (sipmesh/signalling/calls.py). The way of a call with one dialog is here; forks, trunks,
 * names that are shown and CDRs are its and its helpers' business, called by name. */
#ifndef SIP_CALLS_H
#define SIP_CALLS_H

#include "sip_call_record.h"
#include "sip_cookie.h"
#include "sip_timers_type.h"

typedef struct {
    PyObject_HEAD
    PyObject *calls;   /* dict: CallRecord by key */
    PyObject *keys;    /* dict: tuple of keys by Call-ID; more than one when a call spirals through us */
    PyObject *invites; /* dict: InboundRequest by key, of calls not answered yet */
    PyObject *unconfirmed; /* dict of keys, oldest first: answered, and no ACK has passed since */
    PyObject *stored;  /* where they are kept for others: a TableBase, or what has its methods put and delete */
    PyObject *timers, *counters;
    PyObject *cdrs; /* CdrMaker or None */
    PyObject *trunks, *early_offers;
    char relayed;
} CallsObject;

extern PyTypeObject sip_calls_type;

/* Borrowed; NULL when there is none, or with an exception. */
CallRecordObject *sip_calls_find(CallsObject *self, PyObject *key);

/* All of these return -1 with an exception. */

int sip_calls_add(CallsObject *self, PyObject *key, CallRecordObject *record);
/* `invite` (an InboundRequest) is about to leave. */
int sip_calls_begin(CallsObject *self, PyObject *key, CallRecordObject *record, PyObject *invite);
/* A 2xx. */
int sip_calls_answered(CallsObject *self, PyObject *key, PyObject *branch, MessageObject *response);
/* An ACK or another request within the call passes. */
int sip_calls_confirmed(CallsObject *self, PyObject *key);
/* A BYE with these tags passes, and had its answer. A tag is a str or None. */
int sip_calls_hangs_up(CallsObject *self, PyObject *key, PyObject *from_tag, PyObject *to_tag);
int sip_calls_hung_up(CallsObject *self, PyObject *key, PyObject *from_tag, PyObject *to_tag);
/* A request within the call passes, or a 2xx to it (sip_calls_within.c). */
int sip_calls_within(CallsObject *self, CookieObject *cookie, MessageObject *request);
int sip_calls_answered_within(CallsObject *self, PyObject *key, MessageObject *request, MessageObject *response);
/* `record` has changed. */
int sip_calls_put(CallsObject *self, PyObject *key, CallRecordObject *record);

struct sip_call_end {
    PyObject *cause;  /* str: one word for the counters */
    PyObject *status; /* int: the failure the caller got */
    PyObject *by;     /* str: by whom */
};
int sip_calls_end(CallsObject *self, PyObject *key, const struct sip_call_end *how);

#endif
