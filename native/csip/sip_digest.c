#include "sip_digest.h"

#include "sip_chars.h"

static const char *skip_blanks(const char *p, const char *end) {
    while (p < end && sip_is_space(*p)) p++;
    return p;
}

bool sip_digest_scheme(struct sip_slice value, struct sip_slice *params) {
    struct sip_slice text = sip_trim(value), name = SIP_TEXT("digest");
    if (text.size < name.size || !sip_same_letters(text.at, name.at, name.size)) return false;
    *params = sip_slice_of(text.at + name.size, text.at + text.size);
    return params->size == 0 || sip_is_space(*params->at);
}

/* A quoted string, or visible text up to what ends it: a URI without quotes passes, as some send it. */
static enum sip_error value_end(const char **at, const char *end) {
    const char *p = *at;
    if (p < end && *p == '"') {
        size_t quoted = sip_quoted_size(sip_slice_of(p, end));
        if (!quoted) return SIP_BAD_QUOTED_STRING;
        *at = p + quoted;
        return SIP_OK;
    }
    while (p < end && !sip_is_space(*p) && *p != ',' && *p != '"') p++;
    if (p == *at) return SIP_BAD_PARAMETER;
    *at = p;
    return SIP_OK;
}

enum sip_error sip_digest_next(struct sip_slice *rest, struct sip_param *param, bool *found) {
    const char *end = rest->at + rest->size, *p = skip_blanks(rest->at, end), *from = p;
    *found = p < end;
    *rest = sip_slice_of(p, end);
    if (!*found) return SIP_OK;
    while (p < end && sip_is(*p, SIP_CHAR_TOKEN)) p++;
    param->name = sip_slice_of(from, p);
    p = skip_blanks(p, end);
    if (param->name.size == 0 || p == end || *p != '=') return SIP_BAD_PARAMETER;
    from = p = skip_blanks(p + 1, end);
    enum sip_error error = value_end(&p, end);
    if (error != SIP_OK) return error;
    param->value = sip_slice_of(from, p);
    p = skip_blanks(p, end);
    if (p < end && *p != ',') return SIP_BAD_PARAMETER;
    *rest = sip_slice_of(p < end ? p + 1 : p, end);
    return SIP_OK;
}
