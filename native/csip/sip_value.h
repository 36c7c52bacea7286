/* Pieces of header values: folding, comma lists, quoted strings, parameters (RFC 3261 sections 7.3.1 and 25.1). */
#ifndef SIP_VALUE_H
#define SIP_VALUE_H

#include "sip_base.h"

/* Takes the next value of a comma list off the front of `rest`, trimmed of spaces and line ends; empty ones are passed over.
 * Commas in quoted strings and <> do not split. False at the end. Works on folded text. */
bool sip_list_next(struct sip_slice *rest, struct sip_slice *value);

/* Unfolds into `out`, which has room for value.size bytes: line end and the spaces around it become one space. */
size_t sip_unfold(struct sip_slice value, char *out);

/* text[0] is '"': bytes up to and with the closing quote, 0 when there is none. */
size_t sip_quoted_size(struct sip_slice text);

/* Without the quotes and the backslashes of quoted pairs, into `out` with room for quoted.size bytes. */
size_t sip_unquote(struct sip_slice quoted, char *out);

struct sip_param {
    struct sip_slice name;
    struct sip_slice value; /* at is NULL without "="; quotes are kept */
    bool is_token;          /* the value; sip_param_next alone tells */
};

/* Header parameters: spaces around ";" and "=", quoted values. *found is false at the end. */
enum sip_error sip_param_next(struct sip_slice *rest, struct sip_param *param, bool *found);

#endif
