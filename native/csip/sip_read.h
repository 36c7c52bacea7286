/* Typed values of a message, and the checks before one is processed. */
#ifndef SIP_READ_H
#define SIP_READ_H

#include "sip_addr.h"
#include "sip_message.h"

/* Room for one unfolded value. Values that were not folded are read where they are. */
struct sip_scratch {
    char bytes[SIP_MAX_EDITED_LINE_BYTES];
};

/* The line's value, unfolded and trimmed. */
struct sip_slice sip_line_text(const struct sip_message *message, const struct sip_line *line, struct sip_scratch *scratch);

/* The value of the first line of that name; SIP_MISSING without one. */
enum sip_error sip_read_text(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_slice *text);

/* The first value of a comma list, over all lines of that name. */
enum sip_error sip_read_first(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_slice *text);

/* Of a comma list, over all lines of that name. */
size_t sip_value_count(const struct sip_message *message, enum sip_name id);

/* These parse once: what they found is kept in message->known. The tag's `at` is NULL without one. */
struct sip_fault sip_read_via(const struct sip_message *message, struct sip_scratch *scratch, struct sip_via *via);
struct sip_fault sip_read_tag(const struct sip_message *message, enum sip_name from_or_to, struct sip_scratch *scratch,
    struct sip_slice *tag);
struct sip_fault sip_read_from_uri(const struct sip_message *message, struct sip_scratch *scratch, struct sip_slice *uri);
struct sip_fault sip_read_to_uri(const struct sip_message *message, struct sip_scratch *scratch, struct sip_uri *uri);
struct sip_fault sip_read_cseq(const struct sip_message *message, struct sip_scratch *scratch, uint32_t *number,
    struct sip_slice *method);
/* The first value of Contact. */
struct sip_fault sip_read_contact(const struct sip_message *message, struct sip_scratch *scratch, struct sip_addr *addr);

/* Request-URI of a request: no URI headers (RFC 3261 section 19.1.1). */
struct sip_fault sip_read_uri(const struct sip_message *message, struct sip_uri *uri);

struct sip_fault sip_read_addr(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_addr *addr);

/* One value of a header of addresses; "*" is for Contact alone. */
enum sip_error sip_check_addr(enum sip_name id, struct sip_slice text, struct sip_addr *addr);

/* type "/" subtype out of a Content-Type. */
enum sip_error sip_media_type(struct sip_slice text, struct sip_slice *type);

/* What a rule about requests looks for. A request that has none of these keeps all the rules they belong to. */
enum sip_trait {
    SIP_OTHER_SCHEME = 1,  /* of the Request-URI: none of sip, sips, tel */
    SIP_LAST_HOP = 2,      /* Max-Forwards is 0 */
    SIP_REQUIRES = 4,      /* Proxy-Require */
    SIP_HAS_BREADTH = 8,   /* Max-Breadth */
    SIP_ROUTED = 16,       /* Route */
    SIP_URI_DIRECTS = 32,  /* lr or maddr in the Request-URI */
    SIP_IN_DIALOG = 64,    /* a To tag */
    SIP_SEVERAL_VIAS = 128,
};

/* RFC 3261 sections 8.1.1 and 16.3 item 1: the first thing that is wrong; *traits when nothing is. */
struct sip_fault sip_check(const struct sip_message *message, uint32_t *traits);
bool sip_is_version_2(const struct sip_message *message);

#endif
