/* What a description says of each line. */
#ifndef RELAY_SDP_DESCRIBE_H
#define RELAY_SDP_DESCRIBE_H

#include "relay_description.h"

/* What is asked, and the classes and functions that things are made of and by. */
struct describer {
    const DescriptionObject *description;
    PyObject *source; /* str: where the SIP message came from; empty: not known */
    PyObject *mode;   /* how a party is learned */
    bool of_source;   /* the media is where the message came from */
    bool trusted;     /* the address it names is trusted */
    bool six;         /* the interface's family */
    PyObject *interface;
    PyTypeObject *described, *endpoint;
    PyObject *nowhere;    /* an endpoint */
    PyObject *known;      /* dict: RtpMap by formats */
    PyObject *rtp_map;    /* of a section */
    PyObject *can_be_at;  /* whether a party at the second address may mean itself by the first */
};

/* Where the sender's media of a line is, an endpoint; NULL with an exception set: ValueError (line, why it can't be sent to). */
PyObject *relay_sdp_locate(const struct describer *by, const SectionObject *media);

#endif
