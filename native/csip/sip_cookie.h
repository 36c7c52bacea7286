/* native.sip.Cookie: what our Record-Route says of a dialog (sipcore/proxy/cookie.py). */
#ifndef SIP_COOKIE_H
#define SIP_COOKIE_H

#include "sip_buffer.h"
#include "sip_message_type.h"

typedef struct {
    PyObject_HEAD
    PyObject *call_key, *caller_hash, *caller_flow, *callee_flow, *text;
} CookieObject;

/* The cookie of that text when a key of the ring made it for the dialog of `request`, else None; NULL with an exception. */
PyObject *sip_cookie_read(PyObject *ring, PyObject *text, MessageObject *request);

/* For the dialog that `request` makes, or is of. `from_or_to`: the header with the caller's tag. `flows`: tokens of the sides that only
 * those lead to; empty for one that its URI leads to. */
struct sip_cookie_flows {
    struct sip_slice caller, callee;
};
PyObject *sip_cookie_issue(PyObject *ring, MessageObject *request, PyObject *call_key, enum sip_name from_or_to,
    const struct sip_cookie_flows *flows);

/* The text for `fields`, which are call key, caller hash and two flow tokens, in the call of that Call-ID; NULL with an exception. */
PyObject *sip_cookie_seal(PyObject *ring, struct sip_slice fields, PyObject *call_id);

/* The fields of such a text, which are of it or of `own`; `at` is NULL when it was not made for that call. -1 with an exception. */
int sip_cookie_unseal(PyObject *ring, PyObject *text, struct sip_slice call_id, struct sip_buffer *own, struct sip_slice *fields);

/* Whether `request` goes the way of the request that made the dialog: 1 or 0, -1 with an exception. */
int sip_cookie_goes_to_callee(CookieObject *self, const MessageObject *request);

/* The token of the flow that the receiver of `request` must be reached over, "" when its URI says where it is. */
PyObject *sip_cookie_flow_token(CookieObject *self, MessageObject *request);

#endif
