#include "sip_refresh.h"

#include "sip_chars.h"

#define DEFAULT_PORT 5060

/* Headers that ask for more than a refresh. Folded lines, which nobody writes, are left out so that all slices are the message's. */
static bool says_more(const struct sip_message *request) {
    for (uint32_t i = 0; i < request->line_count; i++) {
        const struct sip_line *line = &request->lines[i];
        if (line->id == SIP_PATH || line->id == SIP_REQUIRE || line->flags & SIP_LINE_FOLDED) return true;
    }
    return false;
}

/* The only value of Contact; *expires is the value of its parameter, or at is NULL. */
static bool read_contact(const struct sip_message *request, struct sip_scratch *scratch, struct sip_addr *contact,
    struct sip_slice *expires) {
    struct sip_wanted wanted = {.id = SIP_CONTACT};
    uint32_t line = sip_line_find(request, wanted, 0);
    if (line == request->line_count || sip_line_find(request, wanted, line + 1) < request->line_count) return false;
    struct sip_slice rest = sip_line_text(request, &request->lines[line], scratch), text, second;
    if (!sip_list_next(&rest, &text) || sip_list_next(&rest, &second)) return false;
    if (sip_check_addr(SIP_CONTACT, text, contact) != SIP_OK || contact->is_star) return false;
    struct sip_slice params = contact->params;
    struct sip_param param;
    bool found;
    *expires = (struct sip_slice){NULL, 0};
    while (sip_param_next(&params, &param, &found) == SIP_OK && found) {
        if (sip_same_nocase(param.name, SIP_TEXT("q")) || sip_same_nocase(param.name, SIP_TEXT("+sip.instance")) ||
            sip_same_nocase(param.name, SIP_TEXT("reg-id")))
            return false;
        if (!sip_same_nocase(param.name, SIP_TEXT("expires"))) continue;
        if (expires->at || !param.value.at) return false;
        *expires = param.value;
    }
    return true;
}

/* RFC 3261 section 10.3 step 7; 0 for what is no plain refresh. */
static uint32_t expires_s(const struct sip_message *request, struct sip_slice of_contact, struct sip_scratch *scratch,
    const struct sip_refresh_limits *limits) {
    struct sip_slice text = of_contact;
    uint32_t asked = limits->default_s;
    bool given = text.at || sip_read_text(request, SIP_EXPIRES, scratch, &text) == SIP_OK;
    if (given && sip_number(text, UINT32_MAX, &asked) != SIP_OK) return 0;
    if (asked < limits->shortest_s) return 0;
    return asked < limits->max_s ? asked : limits->max_s;
}

static bool is_ipv6(struct sip_slice host) { return memchr(host.at, ':', host.size) != NULL; }

static bool ends_invalid(struct sip_slice host) {
    struct sip_slice end = SIP_TEXT(".invalid");
    return host.size >= end.size && sip_same_nocase((struct sip_slice){host.at + host.size - end.size, end.size}, end);
}

/* sipcore/nat.py for a datagram; false when addresses would have to be understood. */
static bool find_reach(const struct sip_uri *contact, const struct sip_via *via, const struct sip_source *source, bool *natted) {
    uint32_t contact_port = contact->port > 0 ? (uint32_t)contact->port : DEFAULT_PORT;
    uint32_t via_port = via->port > 0 ? (uint32_t)via->port : DEFAULT_PORT;
    bool contact_is_source = sip_same_nocase(contact->host, source->host), via_is_source = sip_same_nocase(via->host, source->host);
    *natted = false;
    if (contact_is_source && contact_port == source->port) return true;
    if (is_ipv6(contact->host) || is_ipv6(via->host)) return false; /* written in more than one way */
    *natted = true;
    if (ends_invalid(contact->host)) return true;
    bool names_sender = contact_port == via_port && sip_same_nocase(contact->host, via->host);
    if (names_sender && (!via_is_source || (via->rport.at && via_port != source->port))) return true;
    *natted = false;
    return contact_is_source || !contact->host_is_ip;
}

/* Call-ID and CSeq; false when they come too late (step 7) or can't be read. */
static bool read_order(const struct sip_message *request, const struct sip_refresh_limits *limits, struct sip_scratch *scratch,
    struct sip_binding *binding) {
    struct sip_slice call_id, method;
    uint32_t cseq;
    if (sip_read_text(request, SIP_CALL_ID, scratch, &call_id) != SIP_OK || call_id.size > limits->max_call_id_bytes ||
        sip_read_cseq(request, scratch, &cseq, &method).error != SIP_OK)
        return false;
    if (sip_same(call_id, binding->call_id) && cseq <= binding->cseq) return false;
    binding->call_id = call_id;
    binding->cseq = cseq;
    return true;
}

/* Only what every reader of records takes as it is. */
static bool is_ascii(struct sip_slice text) {
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] & 0x80) return false;
    return true;
}

static bool read_user_agent(const struct sip_message *request, const struct sip_refresh_limits *limits, struct sip_scratch *scratch,
    struct sip_slice *text) {
    if (sip_read_text(request, SIP_USER_AGENT, scratch, text) != SIP_OK) *text = SIP_TEXT("");
    return text->size <= limits->max_user_agent_bytes && is_ascii(*text);
}

/* Whole seconds; what half is left over goes down, so that nobody is granted more than was asked for. */
static uint64_t whole_seconds(double at) {
    uint64_t down = (uint64_t)at;
    return at - (double)down > 0.5 ? down + 1 : down;
}

/* The binding of that Contact; false when there is none or one of them has expired. Two of equal URIs are not stored. */
static bool find_binding(const struct sip_record *record, struct sip_slice contact, double now, size_t *place) {
    bool found = false;
    for (size_t i = 0; i < record->count; i++) {
        if (record->bindings[i].expires_at <= now) return false;
        if (found || !sip_same(record->bindings[i].contact, contact)) continue;
        found = true;
        *place = i;
    }
    return found;
}

bool sip_refresh(const struct sip_message *request, struct sip_slice text, const struct sip_source *source,
    const struct sip_refresh_limits *limits, double now, struct sip_record *record, size_t *changed) {
    struct sip_scratch scratch;
    struct sip_addr contact;
    struct sip_slice of_contact;
    struct sip_via via;
    if (says_more(request) || !sip_record_read(text, record)) return false;
    if (!read_contact(request, &scratch, &contact, &of_contact) || contact.text.size > limits->max_contact_bytes) return false;
    if (!is_ascii(contact.uri.text) || !find_binding(record, contact.uri.text, now, changed)) return false;
    struct sip_binding *binding = &record->bindings[*changed];
    uint32_t granted_s = expires_s(request, of_contact, &scratch, limits);
    if (!granted_s || !read_order(request, limits, &scratch, binding)) return false;
    if (!read_user_agent(request, limits, &scratch, &binding->user_agent)) return false;
    if (sip_read_via(request, &scratch, &via).error != SIP_OK) return false;
    if (!find_reach(&contact.uri, &via, source, &binding->natted)) return false;
    binding->expires_at = (double)whole_seconds(now + granted_s);
    binding->registered_at = (uint64_t)now;
    binding->listener = source->listener;
    binding->remote_host = source->host;
    binding->remote_port = source->port;
    return true;
}
