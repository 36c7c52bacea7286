/* Comparison of URIs: RFC 3261 section 19.1.4, RFC 3966 section 5. */
#include "sip_chars.h"
#include "sip_uri.h"

/* RFC 2396 section 2.2: these differ from their escapes. */
static bool is_reserved(unsigned char c) { return c && strchr(";/?:@&=+$,", c); }

/* One character for comparison: an escaped reserved one is kept apart from the plain one. */
static unsigned next_character(struct sip_slice *text, bool nocase) {
    bool escaped;
    unsigned char c = sip_unescape_next(text, &escaped);
    if (nocase) c = (unsigned char)sip_lower((char)c);
    return escaped && is_reserved(c) ? 256u + c : c;
}

static bool same_escaped(struct sip_slice a, struct sip_slice b, bool nocase) {
    if (!a.at != !b.at) return false;
    while (a.size && b.size)
        if (next_character(&a, nocase) != next_character(&b, nocase)) return false;
    return a.size == 0 && b.size == 0;
}

/* user, ttl, method, maddr and transport count even when one URI alone has them. */
static bool never_ignored(struct sip_slice name) {
    static const struct sip_slice names[] = {SIP_TEXT("user"), SIP_TEXT("ttl"), SIP_TEXT("method"), SIP_TEXT("maddr"),
                                             SIP_TEXT("transport")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same_escaped(names[i], name, true)) return true;
    return false;
}

bool sip_uri_param_find(struct sip_slice params, struct sip_slice name, struct sip_param *param) {
    while (sip_uri_param_next(&params, param))
        if (same_escaped(param->name, name, true)) return true;
    return false;
}

/* Every parameter of `a` agrees with `b`, and those that count alone are there. Of repeated names the first counts. */
static bool params_agree(struct sip_slice a, struct sip_slice b, bool all_strict) {
    struct sip_slice rest = a;
    struct sip_param mine, theirs, first;
    while (sip_uri_param_next(&rest, &mine)) {
        if (sip_uri_param_find(a, mine.name, &first) && first.name.at != mine.name.at) continue;
        if (!sip_uri_param_find(b, mine.name, &theirs)) {
            if (all_strict || never_ignored(mine.name)) return false;
        } else if (!same_escaped(mine.value, theirs.value, true)) {
            return false;
        }
    }
    return true;
}

static bool header_next(struct sip_slice *rest, struct sip_slice *header) {
    if (rest->size == 0) return false;
    const char *end = rest->at + rest->size, *amp = memchr(rest->at, '&', rest->size);
    *header = sip_slice_of(rest->at, amp ? amp : end);
    *rest = sip_slice_of(amp ? amp + 1 : end, end);
    return true;
}

/* Names without case; values by the bytes, for the rule is each header's own. */
static bool same_header(struct sip_slice a, struct sip_slice b) {
    const char *equals_a = a.size ? memchr(a.at, '=', a.size) : NULL, *equals_b = b.size ? memchr(b.at, '=', b.size) : NULL;
    if (!equals_a || !equals_b) return same_escaped(a, b, true);
    return same_escaped(sip_slice_of(a.at, equals_a), sip_slice_of(b.at, equals_b), true) &&
           same_escaped(sip_slice_of(equals_a, a.at + a.size), sip_slice_of(equals_b, b.at + b.size), false);
}

static size_t header_count(struct sip_slice headers, const struct sip_slice *like) {
    struct sip_slice header;
    size_t count = 0;
    while (header_next(&headers, &header)) count += !like || same_header(header, *like);
    return count;
}

/* Same headers, each as often. */
static bool headers_equal(struct sip_slice a, struct sip_slice b) {
    struct sip_slice rest = a, header;
    if (header_count(a, NULL) != header_count(b, NULL)) return false;
    while (header_next(&rest, &header))
        if (header_count(a, &header) != header_count(b, &header)) return false;
    return true;
}

static bool is_separator(char c) { return c == '-' || c == '.' || c == '(' || c == ')'; }

/* RFC 3966 section 5: visual separators do not count, hex digits match without case. */
static int next_digit(struct sip_slice *number) {
    while (number->size) {
        char c = *number->at;
        number->at++;
        number->size--;
        if (!is_separator(c)) return (unsigned char)sip_lower(c);
    }
    return -1;
}

static bool tel_equal(const struct sip_uri *a, const struct sip_uri *b) {
    struct sip_slice mine = a->user, theirs = b->user;
    int digit;
    do {
        digit = next_digit(&mine);
        if (digit != next_digit(&theirs)) return false;
    } while (digit >= 0);
    return params_agree(a->params, b->params, true) && params_agree(b->params, a->params, true);
}

static bool same_host(struct sip_slice a, struct sip_slice b) {
    char mine[64], theirs[64];
    bool is_ipv6 = a.size && b.size && memchr(a.at, ':', a.size);
    if (!is_ipv6 || a.size > sizeof mine || b.size > sizeof theirs) return sip_same_nocase(a, b);
    return sip_same((struct sip_slice){mine, sip_host_text(a, mine)}, (struct sip_slice){theirs, sip_host_text(b, theirs)});
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b) {
    if (a->scheme_id != b->scheme_id) return false;
    if (a->scheme_id == SIP_SCHEME_OTHER)
        return sip_same_nocase(a->scheme, b->scheme) &&
               sip_same(sip_slice_of(a->scheme.at + a->scheme.size, a->text.at + a->text.size),
                        sip_slice_of(b->scheme.at + b->scheme.size, b->text.at + b->text.size));
    if (a->scheme_id == SIP_SCHEME_TEL) return tel_equal(a, b);
    return a->port == b->port && same_escaped(a->user, b->user, false) && same_escaped(a->password, b->password, false) &&
           same_host(a->host, b->host) && params_agree(a->params, b->params, false) &&
           params_agree(b->params, a->params, false) && headers_equal(a->headers, b->headers);
}

static uint64_t mix(uint64_t hash, unsigned value) { return (hash ^ value) * 0x100000001b3u; }

uint64_t sip_uri_hash(const struct sip_uri *uri) {
    uint64_t hash = mix(0xcbf29ce484222325u, uri->scheme_id);
    struct sip_slice rest = uri->scheme_id == SIP_SCHEME_OTHER ? uri->text : uri->user;
    if (uri->scheme_id == SIP_SCHEME_TEL)
        for (int digit = next_digit(&rest); digit >= 0; digit = next_digit(&rest)) hash = mix(hash, (unsigned)digit);
    else if (uri->scheme_id == SIP_SCHEME_OTHER)
        for (size_t i = 0; i < rest.size; i++)
            hash = mix(hash, (unsigned char)(i < uri->scheme.size ? sip_lower(rest.at[i]) : rest.at[i]));
    else
        while (rest.size) hash = mix(hash, next_character(&rest, false));
    for (size_t i = 0; i < uri->host.size; i++)
        if (uri->host.at[i] != ':') hash = mix(hash, (unsigned char)sip_lower(uri->host.at[i]));
    hash = mix(hash, (unsigned)uri->port);
    return hash ^ hash >> 29;
}
