#include "sip_addr.h"
#include "sip_chars.h"

static const char *skip_spaces(const char *p, const char *end) {
    while (p < end && sip_is_space(*p)) p++;
    return p;
}

/* A token and the spaces behind it. */
static struct sip_slice take_token(const char **at, const char *end) {
    const char *p = *at;
    while (p < end && sip_is(*p, SIP_CHAR_TOKEN)) p++;
    struct sip_slice token = sip_slice_of(*at, p);
    *at = skip_spaces(p, end);
    return token;
}

static bool take_slash(const char **at, const char *end) {
    if (*at == end || **at != '/') return false;
    *at = skip_spaces(*at + 1, end);
    return true;
}

/* "SIP" SLASH version SLASH transport, spaces around the slashes allowed. */
static enum sip_error parse_protocol(struct sip_via *via, const char **at, const char *end) {
    if (end - *at > 8 && !memcmp(*at, "SIP/2.0/", 8) && !sip_is_space((*at)[8])) { /* as nearly all are */
        via->version = (struct sip_slice){*at + 4, 3};
        *at += 8;
    } else {
        struct sip_slice name = take_token(at, end);
        if (!sip_same_nocase(name, SIP_TEXT("SIP")) || !take_slash(at, end)) return SIP_BAD_TOKEN;
        via->version = take_token(at, end);
        if (!via->version.size || !take_slash(at, end)) return SIP_BAD_TOKEN;
    }
    const char *before = *at;
    via->transport = take_token(at, end);
    return via->transport.size && *at > before + via->transport.size ? SIP_OK : SIP_BAD_TOKEN;
}

/* Host and port; sent-by may have spaces around its colon. */
static enum sip_error parse_sent_by(struct sip_via *via, const char **at, const char *end) {
    struct sip_slice rest = sip_slice_of(*at, end);
    bool is_ip;
    enum sip_error error = sip_host(&rest, &via->host, &is_ip);
    if (error != SIP_OK) return error;
    via->sent_by = sip_slice_of(*at, rest.at);
    const char *p = skip_spaces(rest.at, end);
    if (p < end && *p == ':') {
        const char *digits = p = skip_spaces(p + 1, end);
        while (p < end && sip_is(*p, SIP_CHAR_DIGIT)) p++;
        uint32_t port;
        if (sip_number(sip_slice_of(digits, p), 65535, &port) != SIP_OK) return SIP_BAD_PORT;
        via->port = (int32_t)port;
        via->sent_by = sip_slice_of(*at, p);
    }
    *at = p;
    return SIP_OK;
}

static struct sip_slice without_brackets(struct sip_slice host) {
    bool bracketed = host.size > 2 && host.at[0] == '[' && host.at[host.size - 1] == ']';
    return bracketed ? (struct sip_slice){host.at + 1, host.size - 2} : host;
}

static enum sip_error take_param(struct sip_via *via, const struct sip_param *param) {
    static const char present[] = "";
    struct sip_slice value = param->value;
    if (sip_same_nocase(param->name, SIP_TEXT("branch"))) {
        if (!param->is_token) return SIP_BAD_PARAMETER;
        if (!via->branch.at) via->branch = value;
    } else if (sip_same_nocase(param->name, SIP_TEXT("rport"))) {
        uint32_t port;
        if (value.at && sip_number(value, 65535, &port) != SIP_OK) return SIP_BAD_PORT;
        if (via->rport.at) return SIP_OK;
        via->rport_number = value.at ? (int32_t)port : -1;
        via->rport = value.at ? value : (struct sip_slice){present, 0};
    } else if (sip_same_nocase(param->name, SIP_TEXT("received"))) {
        /* RFC 5118 section 4.5: IPv6 with brackets is sent too, against the grammar */
        if (!via->received.at) via->received = without_brackets(value);
    } else if (sip_same_nocase(param->name, SIP_TEXT("maddr"))) {
        if (!via->maddr.at) via->maddr = without_brackets(value);
    }
    return SIP_OK;
}

enum sip_error sip_via_parse(struct sip_slice text, struct sip_via *via) {
    const char *p = text.at, *end = p + text.size;
    memset(via, 0, sizeof *via);
    via->text = text;
    via->port = via->rport_number = -1;
    enum sip_error error = parse_protocol(via, &p, end);
    if (error == SIP_OK) error = parse_sent_by(via, &p, end);
    if (error != SIP_OK) return error;
    via->params = sip_slice_of(p, end);
    struct sip_slice rest = via->params;
    struct sip_param param;
    for (bool found = true; error == SIP_OK && found;) {
        error = sip_param_next(&rest, &param, &found);
        if (error == SIP_OK && found) error = take_param(via, &param);
    }
    return error;
}
