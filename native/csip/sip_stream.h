/* A connection as the core sees it: messages cut out of the bytes that came, and what waits for the end of the batch. */
#ifndef SIP_STREAM_H
#define SIP_STREAM_H

#include "sip_batches.h"
#include "sip_buffer.h"

typedef struct {
    PyObject_HEAD
    BatchesObject *batches; /* the engine */
    PyObject *listener, *remote, *local_host;
    PyObject *transport;     /* what it writes to, or None */
    PyObject *partial_timer; /* runs while the beginning of a message is kept, or None */
    PyObject *out;           /* of this batch, or while it opens; a list */
    size_t out_bytes, max_unsent_bytes;
    struct sip_buffer kept;  /* the beginning of a message */
    double last_used_s;
    char closed, is_open;
    char closing;   /* nothing is read any more; closed when what is queued has left */
    char half_ping; /* one CRLF of a CRLF CRLF was there */
    char had_message, may_alias;
} StreamObject;

/* Takes what came from the peer, bytes; -1 with an exception (sip_stream_take.c). */
int sip_stream_take(StreamObject *self, PyObject *data);

/* Queues bytes for the end of the batch, or until it is open; -1 with an exception. */
int sip_stream_send(StreamObject *self, PyObject *data);

/* Calls self.name(argument); -1 with an exception. */
static inline int sip_stream_call(StreamObject *self, struct sip_py_word *name, PyObject *argument) {
    return sip_py_do((PyObject *)self, name, argument, NULL);
}

extern PyTypeObject sip_stream_type;

#endif
