/* The application's part in a request of a call: the bases of classes in sipmesh/signalling/exchanges.py, which say what each field means.
 * No garbage collector walks these: they wait with their contexts, and hold nothing that holds them.
 *
 * The plain steps are in C. Relayed media, identities and failures are the Python class's, whose methods are called by name. */
#ifndef SIP_EXCHANGE_H
#define SIP_EXCHANGE_H

#include "sip_calls.h"

/* InviteExchange */
typedef struct {
    PyObject_HEAD
    int sees;
    char looks_on;
    PyObject *services, *calls, *key, *media, *ended_by; /* calls: CallsBase */
} InviteExchangeObject;

/* ByeExchange */
typedef struct {
    PyObject_HEAD
    PyObject *services, *calls, *key, *from_tag, *to_tag, *media_of;
} ByeExchangeObject;

/* DialogExchange */
typedef struct {
    PyObject_HEAD
    char looks_on;
    PyObject *calls, *cookie, *message, *media;
} DialogExchangeObject;

extern PyTypeObject sip_invite_exchange_type, sip_bye_exchange_type, sip_dialog_exchange_type;

PyObject *sip_calls_of(PyObject *services); /* services.calls; a new reference, TypeError when it is no CallsBase */

InviteExchangeObject *sip_invite_exchange_new(PyTypeObject *class, PyObject *services, PyObject *key, PyObject *media, bool by_trunk);
/* Marks the call as one that is being hung up. */
ByeExchangeObject *sip_bye_exchange_new(PyTypeObject *class, PyObject *services, PyObject *key, MessageObject *request);
/* `media`: what is done with its bodies, or None. */
DialogExchangeObject *sip_dialog_exchange_new(PyTypeObject *class, PyObject *services, PyObject *cookie, MessageObject *request, PyObject *media);

#endif
