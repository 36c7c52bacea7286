/* Session descriptions (RFC 8866): taken apart as far as a relay needs, and written anew with our addresses. Spans point into the body. */
#ifndef RELAY_SDP_H
#define RELAY_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define RELAY_SDP_MAX_LINES 2000
#define RELAY_SDP_MAX_MEDIA 64
#define RELAY_SDP_TRICKLED_PORT 9 /* discard's, of whose candidates are still to come (RFC 8840 section 4.1.1) */

struct relay_span {
    const char *at; /* NULL: absent */
    size_t size;
};

/* One line without its end. Of a=name:value the parts; of others the name is the letter with its "=". */
struct relay_sdp_line {
    struct relay_span text, name, value;
};

enum relay_sdp_problem {
    RELAY_SDP_FINE,
    RELAY_SDP_EMPTY,
    RELAY_SDP_LONG,
    RELAY_SDP_EMPTY_LINE,
    RELAY_SDP_FORM,
    RELAY_SDP_CONTROL,
    RELAY_SDP_VERSION,
    RELAY_SDP_SECOND,
    RELAY_SDP_MANY_MEDIA,
    RELAY_SDP_NO_ORIGIN,
    RELAY_SDP_ORIGIN,
    RELAY_SDP_NET_TYPE,
    RELAY_SDP_ADDRESS_TYPE,
    RELAY_SDP_MEDIA,
    RELAY_SDP_PORT,
    RELAY_SDP_COUNT,
    RELAY_SDP_RTCP_PORT,
    RELAY_SDP_UNREACHABLE,
};

struct relay_sdp_fault {
    enum relay_sdp_problem problem;
    size_t line; /* counted from 1; 0: the body as a whole */
    struct relay_span what;
};

/* What a section says that concerns a relay. The last six lines are those of m= sections. */
struct relay_sdp_section {
    struct relay_span text; /* its lines with their ends */
    size_t number, end;     /* of its first line, and of the one after its last */
    struct relay_span connection; /* value of the first c= */
    size_t connection_line;
    struct relay_span direction;
    bool fingerprint, crypto;
    bool ice;     /* there is an a=ice-ufrag */
    bool trickle; /* ICE candidates come later (RFC 8840) */
    bool mux;
    struct relay_span kind, protocol, formats;
    uint16_t port, count; /* of consecutive ports (RFC 8866 section 5.14) */
    struct relay_span mid;  /* value of the last a=mid (RFC 5888) */
    struct relay_span rtcp; /* of the last a=rtcp (RFC 3605) what stands behind the port: a connection, or nothing */
    uint16_t rtcp_port;     /* 0: none */
    size_t rtcp_line;
};

struct relay_sdp {
    struct relay_sdp_section section[1 + RELAY_SDP_MAX_MEDIA]; /* the session's first */
    size_t sections;
    size_t lines;
    struct relay_span origin; /* value of the o= line, and what it says: */
    struct relay_span username, session_id, version, address;
    int family; /* 4 or 6 */
};

/* Takes the next line off ``rest``; false: there is none. Does not check it. */
bool relay_sdp_next(struct relay_span *rest, struct relay_span *line);

/* A fault only if the line is not of the form x=value. */
enum relay_sdp_problem relay_sdp_read_line(struct relay_span text, struct relay_sdp_line *line);

/* Without the empty lines at its end. */
struct relay_span relay_sdp_trim(struct relay_span body);

struct relay_sdp_fault relay_sdp_read(struct relay_span body, struct relay_sdp *sdp);

/* The s= line as it stands in the session's section; empty: there is none. */
struct relay_span relay_sdp_name(const struct relay_sdp *sdp);

bool relay_sdp_is_direction(struct relay_span name);

/* Whether an m= section says "send nothing to me" by a zero address (RFC 3264 section 8.4), which isn't one whose candidates are still
 * to come (RFC 8840 section 4.1.1). */
bool relay_sdp_is_held(const struct relay_sdp_section *session, const struct relay_sdp_section *section);

/* Whether ``text`` stands in the span, in letters of any case. */
bool relay_span_has(struct relay_span span, const char *text);

/* The next word of ``rest``, which it is taken off; empty: there is none. */
struct relay_span relay_sdp_word(struct relay_span *rest);

static inline bool relay_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* What is left of it from there on. */
static inline struct relay_span relay_span_from(struct relay_span span, size_t start)
{
    return (struct relay_span){span.at + start, span.size - start};
}

static inline bool relay_span_is(struct relay_span span, const char *text)
{
    return strlen(text) == span.size && memcmp(span.at, text, span.size) == 0;
}

#endif
