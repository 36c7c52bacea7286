/* Stored records of plain bindings: what most REGISTERs find and leave. sipcore/location.py says what the fields mean; bindings of
 * any other form are read and written there alone. */
#ifndef SIP_BINDING_H
#define SIP_BINDING_H

#include "sip_read.h"

#define SIP_BINDING_MAX_HEAD 96 /* bytes of a binding besides its texts */
#define SIP_RECORD_MAX 15       /* bindings of an AOR; who has more is no common case */

/* Slices lie in the record that was read, or in the message. */
struct sip_binding {
    struct sip_slice whole;   /* as it was read */
    struct sip_slice contact; /* URI */
    struct sip_slice call_id;
    struct sip_slice remote_host;
    struct sip_slice user_agent;
    struct sip_slice instance; /* empty without one */
    struct sip_slice path;     /* texts as they are packed, `path_count` of them; a binding that has any can't be written */
    uint32_t path_count;
    uint64_t connection_id;
    double expires_at; /* Unix time, s; written in whole seconds */
    double registered_at; /* likewise, unless there is an instance: then it tells which of its flows is the newest */
    uint32_t cseq;
    uint32_t reg_id;
    uint32_t listener;
    uint32_t remote_port;
    bool natted;
};

/* All bindings of a record. */
struct sip_record {
    struct sip_binding bindings[SIP_RECORD_MAX];
    size_t count;
};

/* False when it holds no binding, too many, or another kind: of another schema, with q or many values of Path. */
bool sip_record_read(struct sip_slice text, struct sip_record *record);

/* The next of its values of Path; false when there is none left. `rest` begins as its `path`. */
bool sip_binding_next_path(struct sip_slice *rest, struct sip_slice *value);

/* Most bytes of the record when `changed` of its bindings is written anew and the others as they were; and writes it, returning the
 * size. */
size_t sip_record_room(const struct sip_record *record, size_t changed);
size_t sip_record_write(const struct sip_record *record, size_t changed, char *out);

#endif
