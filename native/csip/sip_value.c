#include "sip_value.h"

#include "sip_chars.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct sip_slice trim_blank(const char *from, const char *to) {
    while (from < to && is_blank(*from)) from++;
    while (to > from && is_blank(to[-1])) to--;
    return sip_slice_of(from, to);
}

/* End of the list value that begins at p: its comma or the end. An open quote or bracket reaches to the end. */
static const char *value_end(const char *p, const char *end) {
    bool in_brackets = false;
    const char *comma = memchr(p, ',', (size_t)(end - p)), *first = comma ? comma : end;
    size_t before = (size_t)(first - p);
    if (!memchr(p, '"', before) && !memchr(p, '<', before)) return first;
    for (; p < end; p++) {
        if (*p == '"' && !in_brackets) {
            size_t quoted = sip_quoted_size(sip_slice_of(p, end));
            if (!quoted) return end;
            p += quoted - 1;
        } else if (*p == '<') {
            in_brackets = true;
        } else if (*p == '>') {
            in_brackets = false;
        } else if (*p == ',' && !in_brackets) {
            return p;
        }
    }
    return end;
}

bool sip_list_next(struct sip_slice *rest, struct sip_slice *value) {
    const char *p = rest->at, *end = rest->at + rest->size;
    if (rest->size && !memchr(p, ',', rest->size)) {
        *value = trim_blank(p, end);
        *rest = sip_slice_of(end, end);
        return value->size > 0;
    }
    *value = (struct sip_slice){p, 0};
    while (p < end && value->size == 0) {
        const char *comma = value_end(p, end);
        *value = trim_blank(p, comma);
        p = comma < end ? comma + 1 : end;
    }
    *rest = sip_slice_of(p, end);
    return value->size > 0;
}

size_t sip_unfold(struct sip_slice value, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] != '\n') {
            out[used++] = value.at[i];
            continue;
        }
        while (used && is_blank(out[used - 1])) used--;
        out[used++] = ' ';
        while (i + 1 < value.size && is_blank(value.at[i + 1])) i++;
    }
    return used;
}

size_t sip_quoted_size(struct sip_slice text) {
    const char *p = text.at + 1, *end = text.at + text.size, *quote = p - 1;
    while (p < end) {
        if (quote < p) quote = memchr(p, '"', (size_t)(end - p));
        const char *escape = quote ? memchr(p, '\\', (size_t)(quote - p)) : NULL;
        if (!escape) return quote ? (size_t)(quote + 1 - text.at) : 0;
        p = escape + 2;
    }
    return 0;
}

size_t sip_unquote(struct sip_slice quoted, char *out) {
    size_t used = 0;
    if (quoted.size < 2) return 0;
    if (!memchr(quoted.at, '\\', quoted.size)) {
        memmove(out, quoted.at + 1, quoted.size - 2);
        return quoted.size - 2;
    }
    for (size_t i = 1; i + 1 < quoted.size; i++) {
        if (quoted.at[i] == '\\') i++;
        out[used++] = quoted.at[i];
    }
    return used;
}

static const char *skip_spaces(const char *p, const char *end) {
    while (p < end && sip_is_space(*p)) p++;
    return p;
}

/* A token, a host in brackets or any other visible text that can't be mistaken for a separator; or a quoted string. */
static enum sip_error scan_param_value(const char **at, const char *end, struct sip_param *param) {
    const char *p = *at;
    while (p < end && sip_is(*p, SIP_CHAR_TOKEN)) p++;
    const char *token_end = p;
    if (p < end && *p == '"' && p == *at) {
        size_t quoted = sip_quoted_size(sip_slice_of(p, end));
        if (!quoted) return SIP_BAD_QUOTED_STRING;
        p += quoted;
    } else {
        while (p < end && sip_is(*p, SIP_CHAR_VALUE)) p++;
    }
    param->value = sip_slice_of(*at, p);
    param->is_token = p == token_end && p > *at;
    *at = p;
    return param->value.size ? SIP_OK : SIP_BAD_PARAMETER;
}

enum sip_error sip_param_next(struct sip_slice *rest, struct sip_param *param, bool *found) {
    const char *end = rest->at + rest->size, *p = skip_spaces(rest->at, end);
    *found = p < end;
    *rest = sip_slice_of(p, end);
    if (!*found) return SIP_OK;
    if (*p != ';') return SIP_BAD_PARAMETER;
    const char *name = p = skip_spaces(p + 1, end);
    while (p < end && sip_is(*p, SIP_CHAR_TOKEN)) p++;
    param->name = sip_slice_of(name, p);
    param->value = (struct sip_slice){NULL, 0};
    param->is_token = false;
    if (param->name.size == 0) return SIP_BAD_PARAMETER;
    const char *equals = skip_spaces(p, end);
    if (equals < end && *equals == '=') {
        p = skip_spaces(equals + 1, end);
        enum sip_error error = scan_param_value(&p, end, param);
        if (error != SIP_OK) return error;
    }
    *rest = sip_slice_of(p, end);
    return SIP_OK;
}
