/* name-addr / addr-spec values (RFC 3261 sections 20.10, 20.20, 20.34, 20.39) and Via values (section 20.42) as slices. */
#ifndef SIP_ADDR_H
#define SIP_ADDR_H

#include "sip_uri.h"

struct sip_addr {
    struct sip_slice text;
    struct sip_slice display; /* quoted or tokens; at is NULL without */
    struct sip_slice params;  /* header parameters, from ";" on */
    struct sip_slice tag;
    struct sip_uri uri;
    bool is_star;
};

/* `text` is one value, unfolded and trimmed. */
enum sip_error sip_addr_parse(struct sip_slice text, struct sip_addr *addr);
/* False when it has no tag for certain, which most requests outside a dialog are spared the parsing for. */
bool sip_addr_may_have_tag(struct sip_slice text);

struct sip_via {
    struct sip_slice text;
    struct sip_slice version;
    struct sip_slice transport;
    struct sip_slice sent_by; /* host and port as written */
    struct sip_slice host;    /* without brackets */
    struct sip_slice params;
    struct sip_slice branch; /* these: at is NULL when absent */
    struct sip_slice received;
    struct sip_slice maddr;
    struct sip_slice rport; /* at is not NULL and size 0 for the bare flag */
    int32_t port;           /* -1: none */
    int32_t rport_number;   /* -1: none */
};

enum sip_error sip_via_parse(struct sip_slice text, struct sip_via *via);

/* "Number Method" (RFC 3261 section 20.16). */
enum sip_error sip_cseq_parse(struct sip_slice text, uint32_t *number, struct sip_slice *method);

/* word ["@" word] (RFC 3261 section 20.8). */
enum sip_error sip_call_id_check(struct sip_slice text);

#endif
