/* The objects of the transaction layer: what ServerTransaction, ClientTransaction and TransactionLayer of sipcore are made of.
 * Between them is the C of the actions; what other files may ask is in sip_transaction.h. */
#ifndef SIP_TRANSACTION_TYPE_H
#define SIP_TRANSACTION_TYPE_H

#include "sip_machine.h"
#include "sip_message_type.h"
#include "sip_timers.h"

/* Values of TransactionSettings. */
struct sip_delays {
    double t1_s, t2_s, t4_s, timer_d_s, timeout_s, trying_s, non_invite_trying_s;
    bool immediate_trying;
    Py_ssize_t max_datagram_bytes, max_server_transactions;
};

enum sip_machine { SIP_INVITE_SERVER, SIP_NON_INVITE_SERVER, SIP_INVITE_CLIENT, SIP_NON_INVITE_CLIENT, SIP_MACHINE_COUNT };

typedef struct {
    PyObject_HEAD
    PyObject *user, *flows, *timers, *settings, *counters;
    PyObject *servers, *clients; /* dicts by key, oldest first */
    PyObject *watched;           /* clients by connection */
    MachineObject *machines[SIP_MACHINE_COUNT];
    struct sip_delays delays;
    unsigned long long begun; /* server transactions so far */
} LayerObject;

/* Either kind. Hundreds of thousands may wait for their last timer, so the garbage collector is spared walking them; `release`,
 * `drop_owner` and `forget` cut what could be a cycle. A running timer holds a reference to its transaction. */
typedef struct {
    PyObject_HEAD
    LayerObject *layer;
    MachineObject *machine;
    PyObject *key;
    PyObject *request; /* NULL once it has had its use */
    PyObject *flow;
    PyObject *owner; /* NULL for None */
    PyObject *last;  /* bytes to be sent again, or NULL */
    double interval_s; /* between the last retransmission and the next */
    struct sip_timer retransmit, wait;
    uint8_t state, retransmit_event, wait_event;
} TransactionObject;

typedef struct {
    TransactionObject base;
    PyObject *reply_flow;
    unsigned long long number; /* of those begun */
} ServerObject;

typedef struct {
    TransactionObject base;
    PyObject *datagram_flow;  /* where the request goes if the stream chosen for its size fails, or NULL */
    PyObject *cancel_headers; /* a CANCEL waits or was sent, or NULL */
    int last_status;          /* of the last response the owner was told */
} ClientObject;

extern PyTypeObject sip_transaction_type, sip_server_type, sip_client_type, sip_layer_type;

/* --- sip_transaction_type.c: functions return -1 with an exception --- */

/* In the first state of its machine; a new reference. */
TransactionObject *sip_transaction_new(
    LayerObject *layer, enum sip_machine machine, PyObject *key, PyObject *request, PyObject *flow);
void sip_transaction_clear(TransactionObject *self); /* for the dealloc of either kind */

/* Takes one step. Illegal in this state: changes nothing and is counted. */
int sip_step(TransactionObject *self, enum sip_event event, PyObject *message);
/* What a response of that status is to a machine. */
enum sip_event sip_response_event(int status);

/* When a timer of the transaction runs out, `event` happens. */
void sip_retransmit_after(TransactionObject *self, enum sip_event event, double delay_s);
void sip_wait(TransactionObject *self, enum sip_event event, double delay_s);
void sip_stop_retransmitting(TransactionObject *self);
void sip_stop_timers(TransactionObject *self);
/* Nothing is left but to wait for retransmissions; a reliable transport doesn't have them, so `event` happens at once. */
int sip_settle(TransactionObject *self, PyObject *flow, enum sip_event event, double delay_s);

/* --- sip_layer_type.c --- */

int sip_layer_forget(PyObject *transactions, PyObject *key); /* from a dict of the layer, if it is there */

/* From now on the fate of its flow, a connection, matters to `client`; no longer. */
int sip_layer_watch(LayerObject *self, ClientObject *client);
int sip_layer_unwatch(LayerObject *self, ClientObject *client);

/* sip_layer_receive.c, sip_layer_request.c, sip_layer_watch.c: methods */
PyObject *sip_layer_receive_request(LayerObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_layer_receive_response(LayerObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_layer_unwatch_method(LayerObject *self, PyObject *client);
PyObject *sip_layer_request_method(LayerObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* --- sip_client_type.c --- */

/* Sends the request; see ClientTransactionBase.send_first. */
int sip_client_send_first(ClientObject *self, PyObject *data);

/* --- sip_client_end.c: actions, likewise declared there --- */

PyObject *sip_client_send_ack(ClientObject *self, PyObject *response);
PyObject *sip_client_resend_ack(ClientObject *self, PyObject *unused);
PyObject *sip_client_remember_cancel(ClientObject *self, PyObject *headers);
PyObject *sip_client_send_cancel(ClientObject *self, PyObject *headers);
PyObject *sip_client_send_remembered_cancel(ClientObject *self, PyObject *unused);

#endif
