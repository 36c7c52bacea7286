/* The DigestObject, for those who challenge and check without a detour through Python. */
#ifndef SIP_DIGEST_TYPE_H
#define SIP_DIGEST_TYPE_H

#include "sip_claim.h"
#include "sip_message_type.h"
#include "sip_nonces.h"

typedef struct {
    PyObject_HEAD
    PyObject *credentials; /* sipcore.digest.Credentials */
    PyObject *realm, *instance;
    PyObject *head;              /* of a challenge, up to the nonce */
    PyObject *mac, *key_id;      /* of the current key */
    PyObject *macs;              /* dict by key id: of all keys */
    PyObject *algorithms;        /* tuple of str */
    PyObject *secrets[SIP_CLAIM_HASHES]; /* dicts: HA1 by user name, of those that were asked for */
    unsigned long long serial;   /* of the next nonce */
    struct sip_nonces nonces;
} DigestObject;

extern PyTypeObject sip_digest_type;

/* Adds headers of that name with a new nonce, one for each of the algorithms; -1 with an exception. */
int sip_digest_add_challenges(DigestObject *self, struct sip_buffer *out, struct sip_slice name, PyObject *algorithms, double now);

/* What one value of Authorization or Proxy-Authorization is worth. */
enum sip_worth { SIP_WORTH_NONE, SIP_WORTH_REFUSED, SIP_WORTH_STALE, SIP_WORTH_ACCEPTED };

/* What the credentials were made for, and when they came. */
struct sip_proof {
    struct sip_slice method, body;
    double now;
};

/* An enum sip_worth, with a new reference in *username unless it is the first; or -1 with an exception: ParseError for what can't be
 * read or lacks something. Only what is accepted changes anything. */
int sip_digest_weigh(DigestObject *self, struct sip_slice value, const struct sip_proof *proof, PyObject **username);

/* The user whose credentials are the only value of that header, a new reference; NULL without an exception when they are anything but
 * right, and nothing has changed. */
PyObject *sip_digest_accepted(DigestObject *self, MessageObject *request, enum sip_name header, double now);

#endif
