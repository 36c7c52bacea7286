/* Session descriptions as Python has them (media.sdp, media.sdp_fields, media.origin, media.session). A body is read once; its sections are
 * views on what was read, and make Python's values of it when they are asked for. Nothing here can be part of a cycle, so the garbage
 * collector is told of none of it. */
#ifndef RELAY_DESCRIPTION_H
#define RELAY_DESCRIPTION_H

#include "relay_sdp_python.h"
#include "relay_sdp_write.h"

/* What was read of a body: its description's and its sections', whoever lives longest. */
struct relay_body {
    size_t owners;
    PyObject *text; /* str */
    PyObject *kept; /* list: what else the spans point into */
    struct relay_sdp sdp;
};

/* What a c= line says. */
typedef struct {
    PyObject_HEAD
    int family;
    char zero, unicast, private_; /* bools */
    PyObject *address, *text;     /* str */
    PyObject *host;               /* str; None: not numeric */
} ConnectionObject;

typedef struct {
    PyObject_HEAD
    struct relay_body *body;
    const struct relay_sdp_section *section;
    PyObject *connection, *rtcp_connection; /* ConnectionObject, or None */
} SectionObject;

typedef struct {
    PyObject_HEAD
    struct relay_body *body; /* NULL until __init__ succeeded */
    SectionObject *session;
    PyObject *media; /* tuple of SectionObject */
} DescriptionObject;

/* What one party has been told so far. */
typedef struct {
    PyObject_HEAD
    struct relay_announced told;
    PyObject *username, *session_name; /* str: the first ones */
} AnnouncedObject;

/* What a party last said of one line. */
typedef struct {
    PyObject_HEAD
    PyObject *kind, *protocol, *direction; /* str */
    PyObject *endpoint;                    /* media.endpoint.Endpoint */
    PyObject *rtp_map;                     /* media.encodings.RtpMap */
    PyObject *mid;                         /* str */
    PyObject *stream_kind;                 /* int, or None */
    PyObject *ice;                         /* (ufrag, password, lite, mismatch), or None */
    char mux;                              /* bool */
} DescribedObject;

/* A section of ``type``, with its connections as ``read_connection`` makes them. */
PyObject *relay_section_make(PyTypeObject *type, struct relay_body *body, const struct relay_sdp_section *section, PyObject *read_connection);
/* The first thing said stays. */
bool relay_announced_name(PyObject **name, struct relay_span said);

void relay_body_leave(struct relay_body *body);

/* Whether it is one, and was read; else a TypeError. */
bool relay_is_description(PyObject *object);

static inline const struct relay_sdp *relay_sdp_of(const DescriptionObject *description) { return &description->body->sdp; }

/* The section of an m= line, by its number from 0. */
static inline SectionObject *relay_media_of(const DescriptionObject *description, Py_ssize_t index)
{
    return (SectionObject *)PyTuple_GET_ITEM(description->media, index);
}

#endif
