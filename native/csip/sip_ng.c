#include "sip_ng.h"

#include "sip_chars.h"

/* --- writing --- */

static void add_text(struct sip_buffer *out, struct sip_slice text) {
    sip_add_number(out, (uint32_t)text.size);
    sip_add(out, SIP_TEXT(":"));
    sip_add(out, text);
}

static void add_pair(struct sip_buffer *out, struct sip_slice key, struct sip_slice value) {
    if (!value.size) return;
    add_text(out, key);
    add_text(out, value);
}

static void add_source(struct sip_buffer *out, struct sip_slice host) {
    if (!host.size) return;
    sip_add(out, SIP_TEXT("13:received-froml"));
    add_text(out, memchr(host.at, ':', host.size) ? SIP_TEXT("IP6") : SIP_TEXT("IP4"));
    add_text(out, host);
    sip_add(out, SIP_TEXT("e"));
}

/* What is the same in many calls stands together: the daemon reads it once. */
void sip_ng_add_body(struct sip_buffer *out, const struct sip_ng_body *body) {
    sip_add(out, SIP_TEXT("d"));
    add_pair(out, SIP_TEXT("command"), body->command);
    sip_add(out, SIP_TEXT("7:replacel6:origin18:session-connectione5:flagsl"));
    add_text(out, body->natted ? SIP_TEXT("SIP-source-address") : SIP_TEXT("trust-address"));
    if (body->early) add_text(out, SIP_TEXT("provisional")); /* a phone that rings sends no media: its call doesn't end for want of it */
    sip_add(out, SIP_TEXT("e"));
    if (body->status) {
        sip_add(out, SIP_TEXT("8:SIP-codei"));
        sip_add_number(out, (uint32_t)body->status);
        sip_add(out, SIP_TEXT("e"));
    }
    sip_add(out, body->more);
    add_pair(out, SIP_TEXT("call-id"), body->call_id);
    add_pair(out, SIP_TEXT("from-tag"), body->offerer);
    add_pair(out, SIP_TEXT("to-tag"), body->answerer);
    add_pair(out, SIP_TEXT("via-branch"), body->via_branch);
    add_source(out, body->host);
    add_pair(out, SIP_TEXT("sdp"), body->sdp);
    sip_add(out, SIP_TEXT("e"));
}

/* --- reading --- */

/* Takes the string at the front of `rest`. */
static bool take_text(struct sip_slice *rest, struct sip_slice *text) {
    uint32_t size;
    const char *colon = rest->size ? memchr(rest->at, ':', rest->size) : NULL;
    if (!colon || colon == rest->at || sip_number(sip_slice_of(rest->at, colon), UINT32_MAX, &size) != SIP_OK) return false;
    const char *end = rest->at + rest->size;
    if (size > (size_t)(end - colon - 1)) return false;
    *text = (struct sip_slice){colon + 1, size};
    *rest = sip_slice_of(colon + 1 + size, end);
    return true;
}

bool sip_ng_grants(struct sip_slice reply, struct sip_slice *sdp) {
    struct sip_slice rest = reply, key, value;
    bool is_ok = false;
    *sdp = (struct sip_slice){NULL, 0};
    if (rest.size < 2 || *rest.at != 'd') return false;
    rest = sip_slice_of(rest.at + 1, rest.at + rest.size);
    while (rest.size && *rest.at != 'e') {
        if (!take_text(&rest, &key) || !take_text(&rest, &value)) return false;
        if (sip_same(key, SIP_TEXT("result"))) is_ok = sip_same(value, SIP_TEXT("ok"));
        if (sip_same(key, SIP_TEXT("sdp"))) *sdp = value;
    }
    return rest.size == 1 && is_ok && sdp->at;
}
