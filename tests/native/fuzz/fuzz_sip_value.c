/* Fuzz target: any bytes as one header value: list, parameters, address, Via, URI, credentials. Invariants: every slice lies in
 * the text; unfolding and unescaping never grow; a URI equals itself and its hash repeats; what a Via, an address and a URI
 * are cut to parses again to the same. */
#include <stdlib.h>

#include "slices.h"
#include "sip_chars.h"
#include "sip_digest.h"
#include "sip_read.h"

static void try_uri(struct sip_slice text) {
    struct sip_uri uri, again;
    struct sip_param param;
    if (sip_uri_parse(text, &uri) != SIP_OK) return;
    inside(uri.scheme, text);
    inside(uri.user, text);
    inside(uri.password, text);
    inside(uri.host, text);
    inside(uri.params, text);
    inside(uri.headers, text);
    for (struct sip_slice rest = uri.params; sip_uri_param_next(&rest, &param);) {
        inside(param.name, uri.params);
        inside(param.value, uri.params);
    }
    CHECK(sip_uri_parse(text, &again) == SIP_OK);
    CHECK(sip_uri_equal(&uri, &again) && sip_uri_hash(&uri) == sip_uri_hash(&again));
    char *out = malloc(text.size + 1);
    CHECK(sip_unescape(uri.user, out) <= uri.user.size);
    CHECK(sip_host_text(uri.host, out) <= uri.host.size);
    free(out);
}

static void try_addr(struct sip_slice text) {
    struct sip_addr addr;
    struct sip_param param;
    bool found;
    if (sip_addr_parse(text, &addr) != SIP_OK || addr.is_star) return;
    inside(addr.display, text);
    inside(addr.params, text);
    inside(addr.tag, text);
    inside(addr.uri.text, text);
    struct sip_slice rest = addr.params;
    while (sip_param_next(&rest, &param, &found) == SIP_OK && found) inside(param.value, text);
    CHECK(rest.size == 0);
    try_uri(addr.uri.text);
}

static void try_digest(struct sip_slice text) {
    struct sip_slice rest;
    struct sip_param param;
    bool found;
    if (!sip_digest_scheme(text, &rest)) return;
    inside(rest, text);
    while (sip_digest_next(&rest, &param, &found) == SIP_OK && found) {
        inside(param.name, text);
        inside(param.value, text);
        inside(rest, text);
        CHECK(param.name.size > 0 && param.value.size > 0);
    }
}

static void try_via(struct sip_slice text) {
    struct sip_via via;
    if (sip_via_parse(text, &via) != SIP_OK) return;
    inside(via.version, text);
    inside(via.transport, text);
    inside(via.sent_by, text);
    inside(via.branch, text);
    inside(via.received, text);
    inside(via.maddr, text);
    CHECK(via.host.size > 0 && via.transport.size > 0 && via.port <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sip_slice value, method, type;
    uint32_t number;
    char *raw = malloc(size ? size : 1), *out = malloc(size ? size : 1);
    memcpy(raw, data, size);
    struct sip_slice text = {raw, size}, rest = text;
    while (sip_list_next(&rest, &value)) {
        CHECK(value.size > 0);
        inside(value, text);
        try_addr(value);
        try_via(value);
    }
    CHECK(rest.size == 0);
    CHECK(sip_unfold(text, out) <= size);
    if (size && raw[0] == '"') {
        size_t quoted = sip_quoted_size(text);
        CHECK(quoted <= size);
        if (quoted) CHECK(sip_unquote((struct sip_slice){raw, quoted}, out) + 2 <= quoted);
    }
    try_uri(text);
    try_addr(text);
    try_via(text);
    try_digest(text);
    if (sip_cseq_parse(text, &number, &method) == SIP_OK) inside(method, text);
    if (sip_media_type(text, &type) == SIP_OK) inside(type, text);
    sip_call_id_check(text);
    sip_crc32(text);
    /* two halves as two URIs: equal ones have equal hashes, in both directions */
    struct sip_uri one, two;
    if (sip_uri_parse((struct sip_slice){raw, size / 2}, &one) == SIP_OK && sip_uri_parse((struct sip_slice){raw + size / 2,
            size - size / 2}, &two) == SIP_OK) {
        CHECK(sip_uri_equal(&one, &two) == sip_uri_equal(&two, &one));
        if (sip_uri_equal(&one, &two)) CHECK(sip_uri_hash(&one) == sip_uri_hash(&two));
    }
    free(raw);
    free(out);
    return 0;
}
