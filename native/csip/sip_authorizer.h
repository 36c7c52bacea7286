/* Who sends a request: the base of Authorizer (sipmesh/signalling/authorize.py).
 *
 * Here are a challenge to who brings no credentials, and the check of right ones. Whatever else there is to say of a sender is said by the
 * Python class. */
#ifndef SIP_AUTHORIZER_H
#define SIP_AUTHORIZER_H

#include "sip_digest_type.h"
#include "sip_proxy.h"
#include "sip_rates.h"

typedef struct {
    PyObject_HEAD
    PyObject *callers; /* dict: Caller by the URI in From, of those who are believed */
    PyObject *claims;  /* dict: Claim by the URI in From, of those who proved it before */
    PyObject *sources; /* dict: Caller by the numeric host, of trunks that are known by their address */
    PyObject *strangers; /* dict by what names nobody of ours: a host in From, or the whole URI there */
    PyObject *realms;  /* dict by our domains: what each wants proof with, a Digest, or None when it believes who asks */
    PyObject *counters;
    PyObject *challenges; /* .algorithms(request, configured): what its sender can read of several */
    PyObject *challenged; /* RecentObject: Call-IDs whose challenge with several is not answered yet */
    PyObject *backoff;   /* BackoffObject or None: of (source host, AOR) */
    PyObject *is_exempt; /* whether a host has no limits */
} AuthorizerObject;

extern PyTypeObject sip_authorizer_type;

/* What becomes of a request on its plain way: an exception is set; the Python class is to look at it; it goes on; it is answered. */
enum sip_way { SIP_WAY_FAILED = -1, SIP_WAY_OTHER, SIP_WAY_PLAIN, SIP_WAY_DONE };

/* As what we ask for proof: status and headers of the challenge and its answer. */
struct sip_challenger {
    int status;
    enum sip_name challenge, credentials;
    struct sip_py_word refused; /* the counter */
};
extern struct sip_challenger sip_as_registrar, sip_as_proxy; /* RFC 3261 sections 22.2 and 22.3 */

/* Answers a request without credentials in that role: 0, or -1 with an exception. */
int sip_authorizer_challenge(AuthorizerObject *self, InboundObject *request, DigestObject *digest, struct sip_challenger *as, double now);

/* The user whose right credentials a request that claims to be of `aor` carries, a new reference; NULL without an exception when they are
 * anything else, and nothing has changed. Right ones are counted, and end the pauses of their source. */
PyObject *sip_authorizer_username(
    AuthorizerObject *self, InboundObject *request, DigestObject *digest, const struct sip_challenger *as, PyObject *aor, double now);

/* Whether its source has no limits: 1 or 0, -1 with an exception. */
int sip_authorizer_exempts(AuthorizerObject *self, InboundObject *request);

/* Right credentials; `who` is what the back-off knows a source by, or None. */
int sip_authorizer_note(AuthorizerObject *self, PyObject *message, DigestObject *digest, PyObject *who);

/* Who calls, by what From says and what proves it. With SIP_WAY_PLAIN a new reference in *caller, and credentials for us are taken out
 * of the request. */
enum sip_way sip_authorizer_caller(AuthorizerObject *self, InboundObject *request, double now, PyObject **caller);

/* --- sip_authorizer_source.c --- */

/* The trunk that sends the request, if that was found out before; NULL when it wasn't or with an exception. */
PyObject *sip_authorizer_source(AuthorizerObject *self, InboundObject *request);

#endif
