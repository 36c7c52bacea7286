/* URIs (RFC 3261 sections 19.1 and 25.1; RFC 3966 for tel) as slices of their text. */
#ifndef SIP_URI_H
#define SIP_URI_H

#include "sip_value.h"

/* More parameters or headers than that are refused: comparing takes the square of their number. */
#define SIP_MAX_URI_PARTS 64

enum sip_scheme { SIP_SCHEME_OTHER, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL };

struct sip_uri {
    enum sip_scheme scheme_id;
    bool host_is_ip;
    int32_t port; /* -1: none */
    struct sip_slice text;
    struct sip_slice scheme;
    struct sip_slice user; /* tel: the number */
    struct sip_slice password;
    struct sip_slice host;
    struct sip_slice params;  /* from the first ";" on */
    struct sip_slice headers; /* behind "?" */
};

enum sip_error sip_uri_parse(struct sip_slice text, struct sip_uri *uri);

/* URI parameters have neither spaces nor quotes. For parameters that sip_uri_parse accepted. */
bool sip_uri_param_next(struct sip_slice *rest, struct sip_param *param);
/* The first of that name, escapes in it undone. */
bool sip_uri_param_find(struct sip_slice params, struct sip_slice name, struct sip_param *param);

/* RFC 3261 section 19.1.4; tel by RFC 3966 section 5; other schemes byte for byte behind the scheme. */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);

/* Equal URIs have equal hashes. */
uint64_t sip_uri_hash(const struct sip_uri *uri);

/* Into `out` with room for text.size bytes. */
size_t sip_unescape(struct sip_slice text, char *out);

#endif
