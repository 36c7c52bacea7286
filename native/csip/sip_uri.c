#include "sip_uri.h"

#include "sip_chars.h"

static enum sip_error parse_scheme(struct sip_uri *uri, struct sip_slice *rest) {
    const char *p = uri->text.at, *end = p + uri->text.size;
    if (uri->text.size > 4 && !memcmp(p, "sip:", 4)) { /* as nearly all are */
        uri->scheme = (struct sip_slice){p, 3};
        uri->scheme_id = SIP_SCHEME_SIP;
        *rest = sip_slice_of(p + 4, end);
        return SIP_OK;
    }
    if (p == end || !sip_is(*p, SIP_CHAR_ALPHA)) return SIP_BAD_SCHEME;
    while (p < end && (sip_is(*p, SIP_CHAR_ALPHA | SIP_CHAR_DIGIT) || *p == '+' || *p == '-' || *p == '.')) p++;
    if (p == end || *p != ':') return SIP_BAD_SCHEME;
    uri->scheme = sip_slice_of(uri->text.at, p);
    *rest = sip_slice_of(p + 1, end);
    if (sip_same_nocase(uri->scheme, SIP_TEXT("sip"))) uri->scheme_id = SIP_SCHEME_SIP;
    if (sip_same_nocase(uri->scheme, SIP_TEXT("sips"))) uri->scheme_id = SIP_SCHEME_SIPS;
    if (sip_same_nocase(uri->scheme, SIP_TEXT("tel"))) uri->scheme_id = SIP_SCHEME_TEL;
    return SIP_OK;
}

/* user[:password]@ when there is an "@"; it can stand nowhere else unescaped. */
static enum sip_error parse_userinfo(struct sip_uri *uri, struct sip_slice *rest) {
    const char *at_sign = rest->size ? memchr(rest->at, '@', rest->size) : NULL;
    if (!at_sign) return SIP_OK;
    struct sip_slice info = sip_slice_of(rest->at, at_sign);
    const char *colon = info.size ? memchr(info.at, ':', info.size) : NULL;
    uri->user = sip_slice_of(info.at, colon ? colon : at_sign);
    if (!sip_all(uri->user, SIP_CHAR_USER)) return SIP_BAD_USER;
    if (colon) {
        uri->password = sip_slice_of(colon + 1, at_sign);
        if (uri->password.size && !sip_all(uri->password, SIP_CHAR_USER)) return SIP_BAD_USER;
    }
    *rest = sip_slice_of(at_sign + 1, rest->at + rest->size);
    return sip_escapes_valid(info) ? SIP_OK : SIP_BAD_ESCAPE;
}

static enum sip_error parse_port(struct sip_uri *uri, struct sip_slice *rest) {
    uri->port = -1;
    if (rest->size == 0 || *rest->at != ':') return SIP_OK;
    const char *p = rest->at + 1, *end = rest->at + rest->size;
    while (p < end && sip_is(*p, SIP_CHAR_DIGIT)) p++;
    uint32_t port;
    if (sip_number(sip_slice_of(rest->at + 1, p), 65535, &port) != SIP_OK) return SIP_BAD_PORT;
    uri->port = (int32_t)port;
    *rest = sip_slice_of(p, end);
    return SIP_OK;
}

bool sip_uri_param_next(struct sip_slice *rest, struct sip_param *param) {
    if (rest->size == 0) return false;
    const char *p = rest->at + 1, *end = rest->at + rest->size;
    const char *semicolon = memchr(p, ';', (size_t)(end - p));
    if (!semicolon) semicolon = end;
    const char *equals = memchr(p, '=', (size_t)(semicolon - p));
    param->name = sip_slice_of(p, equals ? equals : semicolon);
    param->value = equals ? sip_slice_of(equals + 1, semicolon) : (struct sip_slice){NULL, 0};
    *rest = sip_slice_of(semicolon, end);
    return true;
}

static bool too_many(struct sip_slice text, char separator) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += text.at[i] == separator;
    return count > SIP_MAX_URI_PARTS;
}

static const char *param_end(const char *p, const char *end) {
    while (p < end && sip_is(*p, SIP_CHAR_PARAM) && *p != '=') p++;
    return p;
}

static const char *param_value_end(const char *p, const char *end) {
    while (p < end && sip_is(*p, SIP_CHAR_PARAM)) p++;
    return p;
}

/* ";name" and ";name=value", none of them empty. */
static bool params_valid(struct sip_slice text) {
    const char *p = text.at, *end = p + text.size;
    for (size_t count = 1; p < end; count++) {
        const char *name = p + 1;
        if (*p != ';' || count > SIP_MAX_URI_PARTS || (p = param_end(name, end)) == name) return false;
        if (p == end || *p != '=') continue;
        const char *value = p + 1;
        if ((p = param_value_end(value, end)) == value) return false;
    }
    return true;
}

/* What is left behind host and port: empty, ";..." and "?...". */
static enum sip_error parse_params(struct sip_uri *uri, struct sip_slice rest) {
    const char *end = rest.at + rest.size;
    const char *question = rest.size ? memchr(rest.at, '?', rest.size) : NULL;
    if (question) {
        uri->headers = sip_slice_of(question + 1, end);
        if (!sip_all(uri->headers, SIP_CHAR_PARAM | SIP_CHAR_USER)) return SIP_BAD_URI_HEADERS;
        if (too_many(uri->headers, '&')) return SIP_BAD_URI_HEADERS;
        if (!sip_escapes_valid(uri->headers)) return SIP_BAD_ESCAPE;
    }
    uri->params = sip_slice_of(rest.at, question ? question : end);
    if (uri->params.size == 0) return SIP_OK;
    if (*uri->params.at != ';') return SIP_BAD_CHARACTER;
    if (!params_valid(uri->params)) return SIP_BAD_PARAMETER;
    return sip_escapes_valid(uri->params) ? SIP_OK : SIP_BAD_ESCAPE;
}

static bool is_phone_char(char c) {
    return sip_is(c, SIP_CHAR_HEX) || c == '+' || c == '-' || c == '.' || c == '(' || c == ')' || c == '*' || c == '#';
}

static enum sip_error parse_tel(struct sip_uri *uri, struct sip_slice rest) {
    const char *p = rest.at, *end = rest.at + rest.size;
    while (p < end && is_phone_char(*p)) p++;
    uri->user = sip_slice_of(rest.at, p);
    if (uri->user.size == 0) return SIP_BAD_USER;
    return parse_params(uri, sip_slice_of(p, end));
}

/* A scheme of others: visible characters only, so that it can't break a header. */
static enum sip_error parse_opaque(struct sip_slice rest) {
    for (size_t i = 0; i < rest.size; i++)
        if ((unsigned char)rest.at[i] <= ' ' || strchr("<>\"\x7f", rest.at[i])) return SIP_BAD_CHARACTER;
    return rest.size ? SIP_OK : SIP_BAD_CHARACTER;
}

enum sip_error sip_uri_parse(struct sip_slice text, struct sip_uri *uri) {
    struct sip_slice rest;
    memset(uri, 0, sizeof *uri);
    uri->text = text;
    uri->port = -1;
    enum sip_error error = parse_scheme(uri, &rest);
    if (error != SIP_OK) return error;
    if (uri->scheme_id == SIP_SCHEME_OTHER) return parse_opaque(rest);
    if (uri->scheme_id == SIP_SCHEME_TEL) return parse_tel(uri, rest);
    if ((error = parse_userinfo(uri, &rest)) != SIP_OK) return error;
    if ((error = sip_host(&rest, &uri->host, &uri->host_is_ip)) != SIP_OK) return error;
    if ((error = parse_port(uri, &rest)) != SIP_OK) return error;
    return parse_params(uri, rest);
}

size_t sip_unescape(struct sip_slice text, char *out) {
    size_t used = 0;
    bool escaped;
    while (text.size) out[used++] = (char)sip_unescape_next(&text, &escaped);
    return used;
}
