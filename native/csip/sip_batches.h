/* What the engine (sipcore/transport/engine.py) does with every batch: read the clock, commit, let what was sent leave. */
#ifndef SIP_BATCHES_H
#define SIP_BATCHES_H

#include "sip_timers_type.h"

/* Timers don't fire while the sockets are still to be looked at, and then however late they are. */
enum sip_stall { SIP_NO_STALL, SIP_STALL_MET, SIP_STALL_OVER };

typedef struct {
    PyObject_HEAD
    PyObject *timers;
    PyObject *on_end;      /* commits what the batch did, or None */
    PyObject *layer;       /* of transactions; None at first */
    PyObject *to_flush;    /* senders of this batch, a list */
    PyObject *tick;        /* handle of the loop's timer, or None */
    double tick_for;       /* the deadline it was set for */
    double turn_s;         /* timers fire at most so often */
    double turn;           /* and not before then */
    double late_s;         /* a timer that is later than this shows that the process stood still */
    PyObject *admission;   /* or None */
    PyObject *receive;     /* takes what the sockets bring: receive(data, flow) */
    unsigned long long begun; /* server transactions when the batch began */
    char is_open;
    char stall;            /* enum sip_stall */
} BatchesObject;

/* All return -1 with an exception. */
int sip_batches_begin(BatchesObject *self);
int sip_batches_end(BatchesObject *self);
/* sender.flush() once, at the end of this batch; outside of one, of an empty batch that follows soon. */
int sip_batches_flush_later(BatchesObject *self, PyObject *sender);
/* The exception that is set was an error of ours, handled by going on. -1 when it is none of those. */
int sip_batches_report(BatchesObject *self, struct sip_py_word *what);

extern PyTypeObject sip_batches_type;

#endif
