/* The Uri object, shared by the files that read and make it. */
#ifndef SIP_URI_TYPE_H
#define SIP_URI_TYPE_H

#include "sip_parsed_type.h"

typedef struct {
    SIP_PARSED_HEAD
    PyObject *scheme, *user, *host, *params, *aor, *transport;
    struct sip_uri uri;
} UriObject;

/* ParseError, which says what is wrong with the URI of `header`; steals `text`. */
PyObject *sip_uri_from_str(PyObject *text, enum sip_name header);

/* sip_uri_make.c */
PyObject *sip_uri_without_params(UriObject *self, PyObject *names);
PyObject *sip_uri_build(PyObject *unused, PyObject *args, PyObject *kwargs);

#endif
