/* The policy of a request: the base of SignalApplication (sipmesh/signalling/application.py).
 *
 * Here is the way of what needs no decision but those that were made before: a call to the phones of an account, or to a trunk, and what belongs to such a call. A REGISTER is another's; everything else is a method of the Python class, called
 * by name. */
#ifndef SIP_APPLICATION_H
#define SIP_APPLICATION_H

#include "sip_authorizer.h"
#include "sip_exchange.h"
#include "sip_media.h"
#include "sip_trunk.h"

/* The garbage collector walks it. */
typedef struct {
    PyObject_HEAD
    char verifies;       /* who is connected to over TLS has to show a certificate */
    PyObject *authorizer; /* an AuthorizerObject, or None at first */
    PyObject *called;    /* dict: Hop by the Request-URI, of those who are called whatever else a request says */
    PyObject *called_from; /* dict: Hop by the host of a trunk that calls, and the Request-URI */
    PyObject *identities;  /* dict: by AOR, the URI by which trunks that are trusted know who calls */
    PyObject *passing;   /* set: AORs of those whose media has whatever SRTP the parties want */
    PyObject *trunks;      /* CallTrunksBase */
    PyObject *policy;    /* PolicyHost: asked about all when it is active */
    PyObject *locations; /* a TableBase, or what has its method record */
    PyObject *registering; /* RegisteringBase: serves a REGISTER */
    PyObject *services, *timers, *invite_class, *bye_class, *dialog_class, *media_class;
    PyObject *glue; /* GlueBase, or None when media is not relayed */
    PyObject *capabilities; /* str: header lines of the answer to OPTIONS */
    PyObject *user_rates;   /* RatesObject or None: of calls, by AOR */
} ApplicationObject;

extern PyTypeObject sip_application_type;

/* --- sip_application_sender.c --- */

/* Before a call is begun: -1 with an exception, which is the refusal for a user who has begun too many. */
int sip_application_look_at_sender(ApplicationObject *self, InboundObject *request, PyObject *caller);

/* --- sip_application_trunk.c --- */

/* Where a call leads because of the trunk it comes from, if that was asked before; borrowed, NULL when it wasn't or with an
 * exception. */
PyObject *sip_application_called_from(ApplicationObject *self, InboundObject *request, PyObject *caller);
/* Whether the trunks it comes from and leads to, if any, let a call pass as it is: 1 or 0, -1 with an exception. `by_trunk`: the hop is
 * one; when it passes there, it says who calls to who is trusted. */
int sip_application_pass(ApplicationObject *self, MessageObject *message, PyObject *caller, PyObject *hop, bool by_trunk);
/* A list of the hop's `ways`, a Target for each target of its trunk, in the order to try them; None when they are not the trunk's. */
PyObject *sip_application_in_turn(ApplicationObject *self, PyObject *hop, PyObject *ways);

/* --- sip_application_unrouted.c --- */

/* A cookie such as a request within a call should have brought, which now leads where the call does. None for what is to be looked at by
 * what Python has, or by any other `application`; NULL with an exception. */
PyObject *sip_application_find_unrouted(PyObject *application, PyObject *cookie_keys, MessageObject *message, PyObject *flow);

/* --- sip_application_self.c --- */

/* 1 when the request was for the node itself and is done with, 0 when not, -1 with an exception. */
int sip_application_serve_self(ApplicationObject *self, InboundObject *request);
/* As that of any `application`, of a request that nothing is known of but that it is well made; it is answered also when that went
 * wrong. */
int sip_application_serve_early(PyObject *application, InboundObject *request);
/* Has a request answered that could not be served, as the exception that is set says. */
int sip_application_not_served(PyObject *application, InboundObject *request);
/* Whether any `application` is known to have that domain: 1 or 0, -1 with an exception. */
int sip_application_has_domain(PyObject *application, PyObject *host);

/* sipcore.ports.Application */
PyObject *sip_application_on_request(ApplicationObject *self, PyObject *request);
PyObject *sip_application_on_dialog_request(ApplicationObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_application_on_ack(ApplicationObject *self, PyObject *const *args, Py_ssize_t count);

#endif
