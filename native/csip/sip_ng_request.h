/* A request to the media daemon that waits for its reply. Its client and, while it runs, its timer hold it. */
#ifndef SIP_NG_REQUEST_H
#define SIP_NG_REQUEST_H

#include "sip_media.h"
#include "sip_timers_type.h"

typedef struct {
    PyObject_HEAD
    struct sip_timer timer;
    int attempts;
    MediaClientObject *client; /* borrowed; NULL once that is gone */
    PyObject *cookie, *packet, *answered;
} NgRequestObject;

extern PyTypeObject sip_ng_request_type;

/* With the client's next cookie. */
NgRequestObject *sip_ng_request_new(MediaClientObject *client, struct sip_slice data, PyObject *answered);
int sip_ng_request_try(NgRequestObject *request); /* sends it, and waits; -1 with an exception */
void sip_ng_request_stop(NgRequestObject *request);

#endif
