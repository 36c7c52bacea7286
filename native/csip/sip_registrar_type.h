/* The RegistrarObject, for who answers a REGISTER without a detour through Python. */
#ifndef SIP_REGISTRAR_TYPE_H
#define SIP_REGISTRAR_TYPE_H

#include "sip_message_type.h"
#include "sip_refresh.h"

typedef struct {
    PyObject_HEAD
    PyObject *locations; /* sipcore.location.Locations */
    PyObject *date;      /* of the last answer, or NULL */
    long long date_s;    /* what it tells */
    struct sip_refresh_limits limits;
    unsigned flow_timer_s; /* what a user agent with a flow is told (RFC 5626 section 4.4) */
    bool gruus;            /* user agents that ask for them get some */
} RegistrarObject;

extern PyTypeObject sip_registrar_type;

/* Does what `request`, which came over `flow`, asks for if that is a plain refresh: 1, and adds the Contacts and the Date of the answer
 * to `lines`. 0 when the Python class must look, -1 with an exception. */
int sip_registrar_refresh(
    RegistrarObject *self, MessageObject *request, PyObject *aor, PyObject *flow, double now, struct sip_buffer *lines);

#endif
