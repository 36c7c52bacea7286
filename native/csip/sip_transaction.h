/* What other files of the binding ask of the transaction layer (sipcore/transaction.py). */
#ifndef SIP_TRANSACTION_H
#define SIP_TRANSACTION_H

#include "sip_py.h"

/* The layer takes a message that came in; -1 with an exception. */
int sip_layer_receive(PyObject *layer, PyObject *message, PyObject *flow);

/* Server transactions so far; 0 for what is no layer. */
unsigned long long sip_layer_begun(PyObject *layer);

/* The client transaction of `message`, which is sent over `flow`; `owner` is told of its answers. A new reference. */
PyObject *sip_layer_request(PyObject *layer, PyObject *message, PyObject *flow, PyObject *owner, bool fixed_flow);

/* Cancels an INVITE; `headers`: (name, value) pairs that its CANCEL has. -1 with an exception. */
int sip_client_cancel(PyObject *transaction, PyObject *headers);

/* Sends a response of that status, whose bytes are `data`; -1 with an exception. */
int sip_server_answer(PyObject *transaction, int status, PyObject *data);
/* As that, of a request that is no INVITE; the transaction ends with it. */
int sip_server_answer_once(PyObject *transaction, int status, PyObject *data);
int sip_server_respond(PyObject *transaction, PyObject *response); /* the same of a Message */

#endif
