#include "sip_addr.h"

#include "sip_chars.h"

static enum sip_error parse_addr_params(struct sip_addr *addr) {
    struct sip_slice rest = addr->params;
    struct sip_param param;
    bool found = true;
    while (found) {
        enum sip_error error = sip_param_next(&rest, &param, &found);
        if (error != SIP_OK) return error;
        if (!found || param.name.size != 3 || !sip_same_nocase(param.name, SIP_TEXT("tag"))) continue;
        if (!param.is_token) return SIP_BAD_PARAMETER;
        if (!addr->tag.at) addr->tag = param.value;
    }
    return SIP_OK;
}

/* A tag is no part of what "<" begins, so it stands behind the first ">", if there is one. */
bool sip_addr_may_have_tag(struct sip_slice text) {
    const char *close = text.size ? memchr(text.at, '>', text.size) : NULL, *end = text.at + text.size;
    for (const char *p = close ? close : text.at; end - p >= 3; p++)
        if (sip_lower(p[0]) == 't' && sip_lower(p[1]) == 'a' && sip_lower(p[2]) == 'g') return true;
    return false;
}

/* Unquoted display names: tokens, and what phones send in spite of the grammar as long as nothing can be mistaken for a
 * separator. */
static bool is_display(struct sip_slice text) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        bool separates = c == ',' || c == ';' || c == '=' || c == '?' || c == '\\';
        if (!sip_is_space(c) && (separates || !sip_is(c, SIP_CHAR_USER))) return false;
    }
    return true;
}

/* Display name in front of "<"; *open is the bracket, NULL for an addr-spec. */
static enum sip_error parse_display(struct sip_addr *addr, const char **open) {
    const char *p = addr->text.at, *end = p + addr->text.size;
    *open = NULL;
    if (p < end && *p == '"') {
        size_t quoted = sip_quoted_size(addr->text);
        if (!quoted) return SIP_BAD_QUOTED_STRING;
        addr->display = (struct sip_slice){p, quoted};
        p += quoted;
        while (p < end && sip_is_space(*p)) p++;
        if (p == end || *p != '<') return SIP_BAD_BRACKETS;
        *open = p;
        return SIP_OK;
    }
    while (p < end && *p != '<' && *p != '"') p++;
    if (p == end) return SIP_OK;
    if (*p == '"') {
        /* a quote behind the URI of an addr-spec belongs to its parameters */
        return memchr(addr->text.at, ';', (size_t)(p - addr->text.at)) ? SIP_OK : SIP_BAD_QUOTED_STRING;
    }
    struct sip_slice name = sip_trim(sip_slice_of(addr->text.at, p));
    if (!is_display(name)) return SIP_BAD_TOKEN;
    if (name.size) addr->display = name;
    *open = p;
    return SIP_OK;
}

enum sip_error sip_addr_parse(struct sip_slice text, struct sip_addr *addr) {
    const char *open, *end = text.at + text.size, *uri, *uri_end;
    memset(addr, 0, sizeof *addr);
    addr->text = text;
    addr->is_star = text.size == 1 && *text.at == '*';
    if (addr->is_star) return SIP_OK;
    enum sip_error error = parse_display(addr, &open);
    if (error != SIP_OK) return error;
    if (open) {
        uri = open + 1;
        uri_end = memchr(uri, '>', (size_t)(end - uri));
        if (!uri_end) return SIP_BAD_BRACKETS;
        addr->params = sip_slice_of(uri_end + 1, end);
    } else {
        /* RFC 3261 section 20.10: without <> what follows ";" is the header's, and "?" or "," may not stand in the URI */
        uri = text.at;
        uri_end = text.size ? memchr(uri, ';', text.size) : NULL;
        if (!uri_end) uri_end = end;
        addr->params = sip_slice_of(uri_end, end);
        while (uri_end > uri && sip_is_space(uri_end[-1])) uri_end--;
        if (uri_end > uri && (memchr(uri, '?', (size_t)(uri_end - uri)) || memchr(uri, ',', (size_t)(uri_end - uri))))
            return SIP_UNBRACKETED_URI;
    }
    error = sip_uri_parse(sip_slice_of(uri, uri_end), &addr->uri);
    return error == SIP_OK ? parse_addr_params(addr) : error;
}

enum sip_error sip_cseq_parse(struct sip_slice text, uint32_t *number, struct sip_slice *method) {
    const char *p = text.at, *end = p + text.size;
    while (p < end && sip_is(*p, SIP_CHAR_DIGIT)) p++;
    enum sip_error error = sip_number(sip_slice_of(text.at, p), UINT32_MAX, number);
    if (error != SIP_OK) return error;
    *method = sip_trim(sip_slice_of(p, end));
    if (method->at == p || !sip_all(*method, SIP_CHAR_TOKEN)) return SIP_BAD_TOKEN;
    return SIP_OK;
}

enum sip_error sip_call_id_check(struct sip_slice text) {
    const char *at_sign = text.size ? memchr(text.at, '@', text.size) : NULL;
    const char *end = text.at + text.size;
    if (!sip_all(sip_slice_of(text.at, at_sign ? at_sign : end), SIP_CHAR_WORD)) return SIP_BAD_CHARACTER;
    return !at_sign || sip_all(sip_slice_of(at_sign + 1, end), SIP_CHAR_WORD) ? SIP_OK : SIP_BAD_CHARACTER;
}
