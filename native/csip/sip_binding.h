/* A stored record of one plain binding: what most REGISTERs find and leave. sipcore/location.py says what the fields mean; records
 * of any other form are read and written there alone. */
#ifndef SIP_BINDING_H
#define SIP_BINDING_H

#include "sip_read.h"

#define SIP_BINDING_MAX_HEAD 64 /* bytes of a record besides its texts */

/* Slices lie in the record that was read, or in the message. */
struct sip_binding {
    struct sip_slice contact; /* URI */
    struct sip_slice call_id;
    struct sip_slice remote_host;
    struct sip_slice user_agent;
    uint32_t cseq;
    uint64_t expires_at; /* Unix time, s */
    uint64_t registered_at;
    uint32_t listener;
    uint32_t remote_port;
    bool natted;
};

/* Contact, Call-ID, CSeq and expiry of `record`. False when it holds more or another kind of binding, or is of another schema:
 * one with q, +sip.instance, reg-id, Path or a connection. */
bool sip_binding_read(struct sip_slice record, struct sip_binding *binding);

/* Into `out`, which has room for SIP_BINDING_MAX_HEAD bytes and the texts; returns the size. */
size_t sip_binding_write(const struct sip_binding *binding, char *out);

#endif
