/* The way of session descriptions to the media daemon and back: the bases of MediaClient, MediaGlue and InviteMedia
 * (sipmesh/signalling), which say what each field means.
 *
 * The plain way is in C: a body leaves in a message that was held back, once the daemon has rewritten it. Silence, refusals, SRTP and
 * what else is asked of the daemon are methods of the Python classes, called by name. -1 and NULL come with an exception. */
#ifndef SIP_MEDIA_H
#define SIP_MEDIA_H

#include "sip_message_type.h"
#include "sip_ng.h"

/* MediaClient; the garbage collector walks it. */
typedef struct {
    PyObject_HEAD
    PyObject *link, *timers, *counters, *pending; /* dict: NgRequest by cookie */
    PyObject *instance;                           /* bytes: what cookies begin with */
    size_t serial;
    double answer_s;
    int attempts, most;
} MediaClientObject;

/* MediaGlue */
typedef struct {
    PyObject_HEAD
    PyObject *media, *counters;
} GlueObject;

enum sip_passage { SIP_OFFER, SIP_ANSWER };

/* A body that the daemon has, and the message that waits for it. No garbage collector walks it: its request comes to an end. */
typedef struct {
    PyObject_HEAD
    enum sip_passage command;
    char insists; /* who gets the body takes no plain RTP */
    GlueObject *glue;
    MessageObject *message;
    PyObject *proceed;
    PyObject *branch, *judge; /* judge.unserved is told when the message may not go; NULL: proceed is */
} PassingBodyObject;

/* InviteMedia; no garbage collector walks it. */
typedef struct {
    PyObject_HEAD
    char natted, offered, passes; /* SRTP as the parties have it */
    PyObject *glue, *srtp, *call_id, *caller_tag, *host, *open; /* set */
} InviteMediaObject;

extern PyTypeObject sip_media_client_type, sip_glue_type, sip_passing_body_type, sip_invite_media_type;

/* --- sip_media_client.c --- */

/* media.request(data, answered) */
int sip_media_request(PyObject *media, const struct sip_buffer *data, PyObject *answered);

/* --- sip_media_glue.c, sip_media_body.c --- */

extern const char *const sip_passages[]; /* the commands */

/* Who speaks of what; texts are borrowed. */
struct sip_passage_plan {
    enum sip_passage command;
    bool insists, natted, early;
    PyObject *call_id, *offerer, *answerer, *via_branch, *host; /* str */
    PyObject *branch, *judge; /* NULL when there is none */
    struct sip_slice more;
};

bool sip_has_sdp(MessageObject *message);
/* Sends the body of `message`, which goes on when it comes back. */
int sip_glue_pass(GlueObject *glue, MessageObject *message, const struct sip_passage_plan *plan, PyObject *proceed);
PassingBodyObject *sip_passing_body_new(GlueObject *glue, MessageObject *message, const struct sip_passage_plan *plan, PyObject *proceed);
/* The daemon agrees, and this is the body. */
int sip_body_arrived(PassingBodyObject *self, struct sip_slice sdp);

/* --- sip_media_invite.c --- */

/* `srtp`: NULL for what passes */
InviteMediaObject *sip_invite_media_new(PyTypeObject *class, PyObject *glue, MessageObject *request, PyObject *host, bool natted, PyObject *srtp);
int sip_invite_media_request(PyObject *media, PyObject *branch, PyObject *request, PyObject *proceed);
/* `judge`: as of PassingBody. */
int sip_invite_media_response(PyObject *media, PyObject *branch, PyObject *response, PyObject *proceed, PyObject *judge);

#endif
