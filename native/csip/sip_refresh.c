#include "sip_chars.h"
#include "sip_reach.h"

#define MAX_REG_ID 999999999

/* Headers that ask for more than a refresh. Folded lines, which nobody writes, are left out so that all slices are the message's. */
static bool says_more(const struct sip_message *request) {
    for (uint32_t i = 0; i < request->line_count; i++) {
        const struct sip_line *line = &request->lines[i];
        if (line->id == SIP_PATH || line->id == SIP_REQUIRE || line->flags & SIP_LINE_FOLDED) return true;
    }
    return false;
}

static bool supports(const struct sip_message *request, struct sip_scratch *scratch, struct sip_slice tag) {
    struct sip_wanted wanted = {.id = SIP_SUPPORTED};
    struct sip_slice value;
    SIP_EACH_LINE(i, request, wanted) {
        struct sip_slice rest = sip_line_text(request, &request->lines[i], scratch);
        while (sip_list_next(&rest, &value))
            if (sip_same_nocase(value, tag)) return true;
    }
    return false;
}

/* --- the contact --- */

/* Those of its parameters that a registrar looks at; at is NULL when absent. */
struct contact {
    struct sip_addr addr;
    struct sip_slice expires, instance, reg_id_text;
    uint32_t reg_id; /* 0: no flow of its own */
};

static bool keep_param(struct contact *contact, struct sip_param param) {
    struct sip_slice *kept = sip_same_nocase(param.name, SIP_TEXT("expires")) ? &contact->expires
        : sip_same_nocase(param.name, SIP_TEXT("+sip.instance"))              ? &contact->instance
        : sip_same_nocase(param.name, SIP_TEXT("reg-id"))                     ? &contact->reg_id_text
                                                                              : NULL;
    if (!kept) return !sip_same_nocase(param.name, SIP_TEXT("q"));
    if (kept->at || !param.value.at) return false;
    *kept = param.value;
    return true;
}

/* What can be written back between quotes as it is. */
static bool unquote(struct sip_slice *text) {
    if (text->size >= 2 && *text->at == '"') *text = (struct sip_slice){text->at + 1, text->size - 2};
    return text->size && !memchr(text->at, '"', text->size) && !memchr(text->at, '\\', text->size);
}

/* The only value of Contact. */
static bool read_contact(const struct sip_message *request, struct sip_scratch *scratch, struct contact *contact) {
    struct sip_wanted wanted = {.id = SIP_CONTACT};
    uint32_t line = sip_line_find(request, wanted, 0);
    if (line == request->line_count || sip_line_find(request, wanted, line + 1) < request->line_count) return false;
    struct sip_slice rest = sip_line_text(request, &request->lines[line], scratch), text, second;
    if (!sip_list_next(&rest, &text) || sip_list_next(&rest, &second)) return false;
    *contact = (struct contact){.reg_id = 0};
    if (sip_read_contact(request, scratch, &contact->addr).error != SIP_OK || contact->addr.is_star) return false;
    struct sip_slice params = contact->addr.params;
    struct sip_param param;
    bool found;
    while (sip_param_next(&params, &param, &found) == SIP_OK && found)
        if (!keep_param(contact, param)) return false;
    return true;
}

static bool has_one_via(const struct sip_message *request) {
    struct sip_wanted wanted = {.id = SIP_VIA};
    struct sip_slice value;
    uint32_t line = sip_line_find(request, wanted, 0);
    if (line == request->line_count || sip_line_find(request, wanted, line + 1) < request->line_count) return false;
    struct sip_slice rest = sip_line_value(request, &request->lines[line]);
    return sip_list_next(&rest, &value) && !sip_list_next(&rest, &value);
}

/* RFC 5626 section 6: an instance, perhaps with the flow it registers. Its Contact mustn't lead back to the AOR, nor to a temporary
 * GRUU of it (RFC 5627 section 5.1): of what might, the registrar looks closer. */
static bool read_instance(const struct sip_message *request, struct sip_scratch *scratch, struct contact *contact) {
    const struct sip_uri *uri = &contact->addr.uri;
    struct sip_uri to;
    if (!contact->instance.at) return !contact->reg_id_text.at;
    if (!unquote(&contact->instance) || !has_one_via(request)) return false;
    if (uri->scheme_id != SIP_SCHEME_SIP && uri->scheme_id != SIP_SCHEME_SIPS) return false;
    if (uri->user.size >= 6 && sip_same_letters(uri->user.at, "tgruu.", 6)) return false;
    if (sip_read_to_uri(request, scratch, &to).error != SIP_OK || sip_same_nocase(to.host, uri->host)) return false;
    if (!contact->reg_id_text.at) return true;
    return sip_number(contact->reg_id_text, MAX_REG_ID, &contact->reg_id) == SIP_OK && contact->reg_id;
}

/* --- what it asks for --- */

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
static double whole_seconds(double at) {
    uint64_t down = (uint64_t)at;
    return (double)(at - (double)down > 0.5 ? down + 1 : down);
}

static bool is_of(const struct sip_binding *binding, const struct contact *contact) {
    if (contact->reg_id || binding->reg_id) return contact->reg_id == binding->reg_id && sip_same(contact->instance, binding->instance);
    return sip_same(binding->contact, contact->addr.uri.text);
}

/* The binding of that flow, or of that Contact; false when there is none or one of them has expired. Two of equal URIs are not
 * stored. */
static bool find_binding(const struct sip_record *record, const struct contact *contact, double now, size_t *place) {
    bool found = false;
    for (size_t i = 0; i < record->count; i++) {
        if (record->bindings[i].expires_at <= now) return false;
        if (found || !is_of(&record->bindings[i], contact)) continue;
        if (record->bindings[i].path_count) return false; /* it came through another proxy, and doesn't now */
        found = true;
        *place = i;
    }
    return found;
}

static bool has_instance(const struct sip_record *record) {
    for (size_t i = 0; i < record->count; i++)
        if (record->bindings[i].instance.size) return true;
    return false;
}

static bool find_way(const struct sip_message *request, const struct contact *contact, const struct sip_source *source,
    struct sip_scratch *scratch, struct sip_binding *binding) {
    struct sip_reach reach;
    struct sip_via via;
    if (sip_read_via(request, scratch, &via).error != SIP_OK) return false;
    if (!sip_find_reach(&contact->addr.uri, &via, source, &reach)) return false;
    binding->natted = reach.natted;
    binding->connection_id = reach.by_connection || contact->reg_id ? source->connection_id : 0;
    binding->listener = source->listener;
    binding->remote_host = source->host;
    binding->remote_port = source->port;
    return true;
}

bool sip_refresh(const struct sip_message *request, struct sip_slice text, const struct sip_source *source,
    const struct sip_refresh_limits *limits, bool gruus, double now, struct sip_record *record, struct sip_refreshed *refreshed) {
    struct sip_scratch scratch;
    struct contact contact;
    if (says_more(request) || !sip_record_read(text, record)) return false;
    if (!read_contact(request, &scratch, &contact) || contact.addr.text.size > limits->max_contact_bytes) return false;
    if (!is_ascii(contact.addr.uri.text) || !is_ascii(contact.instance) || !read_instance(request, &scratch, &contact)) return false;
    if (!find_binding(record, &contact, now, &refreshed->changed)) return false;
    struct sip_binding *binding = &record->bindings[refreshed->changed];
    uint32_t granted_s = expires_s(request, contact.expires, &scratch, limits);
    if (!granted_s || !read_order(request, limits, &scratch, binding)) return false;
    if (!read_user_agent(request, limits, &scratch, &binding->user_agent)) return false;
    if (!find_way(request, &contact, source, &scratch, binding)) return false;
    binding->contact = contact.addr.uri.text;
    binding->instance = contact.instance.at ? contact.instance : SIP_TEXT("");
    binding->reg_id = contact.reg_id;
    binding->expires_at = whole_seconds(now + granted_s);
    binding->registered_at = now;
    refreshed->outbound = contact.reg_id && supports(request, &scratch, SIP_TEXT("outbound"));
    return !gruus || !has_instance(record) || !supports(request, &scratch, SIP_TEXT("gruu"));
}
