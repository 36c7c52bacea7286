/* How often somebody may: the bases of Rates and Backoff (sipmesh/signalling/rates.py), which say what they are for. Their numbers by key are
 * a RecentObject's, or any other Numbers'. */
#ifndef SIP_RATES_H
#define SIP_RATES_H

#include "sip_recent.h"

typedef struct {
    PyObject_HEAD
    double cost_s, burst_s;
    PyObject *used_up; /* when a key will have used up what it took */
} RatesObject;

typedef struct {
    PyObject_HEAD
    PyObject *counts; /* failures in a row */
    PyObject *ends;   /* of pauses */
} BackoffObject;

extern PyTypeObject sip_rates_type, sip_backoff_type;

/* Whether `key` may once more: 1 or 0, -1 with an exception. */
int sip_rates_take(RatesObject *self, PyObject *key, double now);

/* 0 when `key` may try, -1 with an exception. */
double sip_backoff_pause_left_s(BackoffObject *self, PyObject *key, double now);
int sip_backoff_succeeded(BackoffObject *self, PyObject *key);

#endif
