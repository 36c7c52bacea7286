/* native.sip.Cookie: what our Record-Route says of a dialog (sipcore/proxy/cookie.py). */
#ifndef SIP_COOKIE_H
#define SIP_COOKIE_H

#include "sip_message_type.h"

typedef struct {
    PyObject_HEAD
    PyObject *call_key, *caller_hash, *caller_flow, *callee_flow, *text;
} CookieObject;

/* The cookie of that text when a key of the ring made it for the dialog of `request`, else None; NULL with an exception. */
PyObject *sip_cookie_read(PyObject *ring, PyObject *text, MessageObject *request);

/* For the dialog that `request` makes, or is of, between two sides that their URIs lead to. `from_or_to`: the header with the caller's tag. */
PyObject *sip_cookie_issue(PyObject *ring, MessageObject *request, PyObject *call_key, enum sip_name from_or_to);

/* The token of the flow that the receiver of `request` must be reached over, "" when its URI says where it is. */
PyObject *sip_cookie_flow_token(CookieObject *self, MessageObject *request);

#endif
