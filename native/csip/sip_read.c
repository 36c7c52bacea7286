#include "sip_read.h"

#include "sip_chars.h"

#define FINE ((struct sip_fault){SIP_OK, SIP_OTHER})

struct sip_slice sip_line_text(const struct sip_message *message, const struct sip_line *line, struct sip_scratch *scratch) {
    struct sip_slice value = sip_line_value(message, line);
    if (!(line->flags & SIP_LINE_FOLDED)) return value;
    return (struct sip_slice){scratch->bytes, sip_unfold(value, scratch->bytes)};
}

enum sip_error sip_read_text(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_slice *text) {
    uint32_t index = sip_line_find(message, (struct sip_wanted){.id = id}, 0);
    if (index == message->line_count) return SIP_MISSING;
    *text = sip_line_text(message, &message->lines[index], scratch);
    return SIP_OK;
}

enum sip_error sip_read_first(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_slice *text) {
    struct sip_wanted wanted = {.id = id};
    SIP_EACH_LINE(i, message, wanted) {
        struct sip_slice rest = sip_line_text(message, &message->lines[i], scratch);
        if (sip_list_next(&rest, text)) return SIP_OK;
    }
    return SIP_MISSING;
}

/* What was read from a folded line lies in the scratch, and can't be kept. */
static bool lasts(const struct sip_scratch *scratch, struct sip_slice text) {
    return text.at < scratch->bytes || text.at >= scratch->bytes + sizeof scratch->bytes;
}

static struct sip_known *known_of(const struct sip_message *message) { return (struct sip_known *)&message->known; }

struct sip_fault sip_read_via(const struct sip_message *message, struct sip_scratch *scratch, struct sip_via *via) {
    struct sip_known *known = known_of(message);
    struct sip_slice text;
    if (known->via) {
        *via = known->top_via;
        return FINE;
    }
    enum sip_error error = sip_read_first(message, SIP_VIA, scratch, &text);
    if (error == SIP_OK) error = sip_via_parse(text, via);
    if (error == SIP_OK && lasts(scratch, text)) {
        known->via = true;
        known->top_via = *via;
    }
    return (struct sip_fault){error, SIP_VIA};
}

static struct sip_fault read_and_keep(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_addr *addr) {
    struct sip_known *known = known_of(message);
    struct sip_fault fault = sip_read_addr(message, id, scratch, addr);
    if (fault.error != SIP_OK || !lasts(scratch, addr->text)) return fault;
    *(id == SIP_FROM ? &known->from : &known->to) = true;
    *(id == SIP_FROM ? &known->from_tag : &known->to_tag) = addr->tag;
    if (id == SIP_FROM) known->from_uri = addr->uri.text;
    if (id == SIP_TO) known->to_uri = addr->uri;
    return fault;
}

struct sip_fault sip_read_tag(const struct sip_message *message, enum sip_name from_or_to, struct sip_scratch *scratch,
    struct sip_slice *tag) {
    struct sip_addr addr;
    bool from = from_or_to == SIP_FROM;
    if (from ? message->known.from : message->known.to) {
        *tag = from ? message->known.from_tag : message->known.to_tag;
        return FINE;
    }
    struct sip_fault fault = read_and_keep(message, from_or_to, scratch, &addr);
    if (fault.error == SIP_OK) *tag = addr.tag;
    return fault;
}

struct sip_fault sip_read_from_uri(const struct sip_message *message, struct sip_scratch *scratch, struct sip_slice *uri) {
    struct sip_addr addr;
    if (message->known.from) {
        *uri = message->known.from_uri;
        return FINE;
    }
    struct sip_fault fault = read_and_keep(message, SIP_FROM, scratch, &addr);
    if (fault.error == SIP_OK) *uri = addr.uri.text;
    return fault;
}

struct sip_fault sip_read_to_uri(const struct sip_message *message, struct sip_scratch *scratch, struct sip_uri *uri) {
    struct sip_addr addr;
    if (message->known.to) {
        *uri = message->known.to_uri;
        return FINE;
    }
    struct sip_fault fault = read_and_keep(message, SIP_TO, scratch, &addr);
    if (fault.error == SIP_OK) *uri = addr.uri;
    return fault;
}

enum sip_error sip_check_addr(enum sip_name id, struct sip_slice text, struct sip_addr *addr) {
    enum sip_error error = sip_addr_parse(text, addr);
    return error == SIP_OK && addr->is_star && id != SIP_CONTACT ? SIP_BAD_SCHEME : error;
}

size_t sip_value_count(const struct sip_message *message, enum sip_name id) {
    struct sip_slice value;
    size_t count = 0;
    SIP_EACH_LINE(i, message, (struct sip_wanted){.id = id}) {
        struct sip_slice rest = sip_line_value(message, &message->lines[i]);
        while (sip_list_next(&rest, &value)) count++;
    }
    return count;
}

struct sip_fault sip_read_addr(const struct sip_message *message, enum sip_name id, struct sip_scratch *scratch,
    struct sip_addr *addr) {
    struct sip_slice text;
    enum sip_error error = sip_read_text(message, id, scratch, &text);
    if (error == SIP_OK) error = sip_check_addr(id, text, addr);
    return (struct sip_fault){error, id};
}

struct sip_fault sip_read_cseq(const struct sip_message *message, struct sip_scratch *scratch, uint32_t *number,
    struct sip_slice *method) {
    struct sip_known *known = known_of(message);
    struct sip_slice text;
    if (known->cseq) {
        *number = known->cseq_number;
        *method = known->cseq_method;
        return FINE;
    }
    enum sip_error error = sip_read_text(message, SIP_CSEQ, scratch, &text);
    if (error == SIP_OK) error = sip_cseq_parse(text, number, method);
    if (error == SIP_OK && lasts(scratch, text)) {
        known->cseq = true;
        known->cseq_number = *number;
        known->cseq_method = *method;
    }
    return (struct sip_fault){error, SIP_CSEQ};
}

struct sip_fault sip_read_contact(const struct sip_message *message, struct sip_scratch *scratch, struct sip_addr *addr) {
    struct sip_known *known = known_of(message);
    struct sip_slice text;
    if (known->contact) {
        *addr = known->first_contact;
        return FINE;
    }
    enum sip_error error = sip_read_first(message, SIP_CONTACT, scratch, &text);
    if (error == SIP_OK) error = sip_check_addr(SIP_CONTACT, text, addr);
    if (error == SIP_OK && lasts(scratch, text)) {
        known->contact = true;
        known->first_contact = *addr;
    }
    return (struct sip_fault){error, SIP_CONTACT};
}

struct sip_fault sip_read_uri(const struct sip_message *message, struct sip_uri *uri) {
    struct sip_known *known = known_of(message);
    if (known->uri) {
        *uri = known->request_uri;
        return FINE;
    }
    enum sip_error error = sip_uri_parse(sip_message_uri(message), uri);
    if (error == SIP_OK && uri->headers.at) error = SIP_BAD_URI_HEADERS;
    if (error == SIP_OK) {
        known->uri = true;
        known->request_uri = *uri;
    }
    return (struct sip_fault){error, SIP_REQUEST_URI};
}

enum sip_error sip_media_type(struct sip_slice text, struct sip_slice *type) {
    const char *end = text.at + text.size, *semicolon = text.size ? memchr(text.at, ';', text.size) : NULL;
    *type = sip_trim(sip_slice_of(text.at, semicolon ? semicolon : end));
    const char *slash = type->size ? memchr(type->at, '/', type->size) : NULL;
    if (!slash) return SIP_BAD_TOKEN;
    return sip_all(sip_trim(sip_slice_of(type->at, slash)), SIP_CHAR_TOKEN) &&
                   sip_all(sip_trim(sip_slice_of(slash + 1, type->at + type->size)), SIP_CHAR_TOKEN)
               ? SIP_OK
               : SIP_BAD_TOKEN;
}

static enum sip_error check_addrs(enum sip_name id, struct sip_slice rest) {
    struct sip_slice value;
    struct sip_addr addr;
    enum sip_error error = SIP_OK;
    while (error == SIP_OK && sip_list_next(&rest, &value)) error = sip_check_addr(id, value, &addr);
    return error;
}

static enum sip_error check_contacts(const struct sip_message *message, struct sip_slice text, bool first) {
    struct sip_scratch scratch;
    struct sip_slice value;
    struct sip_addr addr;
    if (!first) return check_addrs(SIP_CONTACT, text);
    if (!sip_list_next(&text, &value)) return SIP_OK;
    enum sip_error error = sip_read_contact(message, &scratch, &addr).error;
    return error == SIP_OK ? check_addrs(SIP_CONTACT, text) : error;
}

static enum sip_error check_cseq(const struct sip_message *message) {
    struct sip_scratch scratch;
    uint32_t number;
    struct sip_slice method, own = {message->raw + message->start_at, message->method_size};
    enum sip_error error = sip_read_cseq(message, &scratch, &number, &method).error;
    if (error != SIP_OK || message->status) return error;
    return sip_same(method, own) ? SIP_OK : SIP_METHOD_MISMATCH;
}

static enum sip_error check_via(const struct sip_message *message, struct sip_slice text, bool first, uint32_t *traits) {
    struct sip_scratch scratch;
    struct sip_slice value;
    struct sip_via via;
    if (!first) *traits |= SIP_SEVERAL_VIAS;
    if (!first) return SIP_OK;
    if (!sip_list_next(&text, &value)) return SIP_MISSING;
    if (sip_list_next(&text, &value)) *traits |= SIP_SEVERAL_VIAS;
    return sip_read_via(message, &scratch, &via).error;
}

/* From or To, with its tag. */
static enum sip_error check_side(const struct sip_message *message, enum sip_name id, uint32_t *traits) {
    struct sip_scratch scratch;
    struct sip_slice tag;
    enum sip_error error = sip_read_tag(message, id, &scratch, &tag).error;
    if (error == SIP_OK && id == SIP_TO && tag.at) *traits |= SIP_IN_DIALOG;
    return error;
}

static enum sip_error check_value(const struct sip_message *message, enum sip_name id, struct sip_slice text, bool first,
    uint32_t *traits) {
    struct sip_slice value;
    uint32_t number;
    enum sip_error error;
    switch (id) {
    case SIP_VIA: return check_via(message, text, first, traits);
    case SIP_FROM:
    case SIP_TO: return check_side(message, id, traits);
    case SIP_CALL_ID: return sip_call_id_check(text);
    case SIP_CSEQ: return check_cseq(message);
    case SIP_MAX_FORWARDS:
        error = sip_number(text, 255, &number);
        if (error == SIP_OK && number == 0) *traits |= SIP_LAST_HOP;
        return error;
    case SIP_CONTENT_TYPE: return sip_media_type(text, &value);
    case SIP_ROUTE: *traits |= SIP_ROUTED; return check_addrs(id, text);
    case SIP_CONTACT: return check_contacts(message, text, first);
    case SIP_RECORD_ROUTE:
    case SIP_PATH: return check_addrs(id, text);
    case SIP_PROXY_REQUIRE: *traits |= SIP_REQUIRES; return SIP_OK;
    case SIP_MAX_BREADTH: *traits |= SIP_HAS_BREADTH; return SIP_OK;
    default: return SIP_OK;
    }
}

static struct sip_fault check_uri(const struct sip_message *message, uint32_t *traits) {
    struct sip_uri uri;
    struct sip_param param;
    struct sip_fault fault = sip_read_uri(message, &uri);
    if (fault.error != SIP_OK) return fault;
    if (uri.scheme_id == SIP_SCHEME_OTHER) *traits |= SIP_OTHER_SCHEME;
    if (uri.params.size && (sip_uri_param_find(uri.params, SIP_TEXT("lr"), &param) ||
                            sip_uri_param_find(uri.params, SIP_TEXT("maddr"), &param)))
        *traits |= SIP_URI_DIRECTS;
    return fault;
}

static bool is_single(enum sip_name id) {
    return id == SIP_FROM || id == SIP_TO || id == SIP_CALL_ID || id == SIP_CSEQ || id == SIP_MAX_FORWARDS ||
            id == SIP_CONTENT_TYPE;
}

bool sip_is_version_2(const struct sip_message *message) {
    return sip_same((struct sip_slice){message->raw + message->version_at, message->version_size}, SIP_TEXT("2.0"));
}

struct sip_fault sip_check(const struct sip_message *message, uint32_t *traits) {
    static const enum sip_name mandatory[] = {SIP_VIA, SIP_FROM, SIP_TO, SIP_CALL_ID, SIP_CSEQ};
    struct sip_scratch scratch;
    bool seen[SIP_NAME_COUNT] = {false};
    *traits = 0;
    if (!sip_is_version_2(message)) return (struct sip_fault){SIP_BAD_VERSION, SIP_OTHER};
    if (!message->status) {
        struct sip_fault fault = check_uri(message, traits);
        if (fault.error != SIP_OK) return fault;
    }
    for (uint32_t i = 0; i < message->line_count; i++) {
        const struct sip_line *line = &message->lines[i];
        enum sip_name id = line->id;
        enum sip_error error = SIP_REPEATED;
        if (!seen[id] || !is_single(id))
            error = check_value(message, id, sip_line_text(message, line, &scratch), !seen[id], traits);
        if (error != SIP_OK) return (struct sip_fault){error, id};
        seen[id] = true;
    }
    for (size_t i = 0; i < sizeof mandatory / sizeof *mandatory; i++)
        if (!seen[mandatory[i]]) return (struct sip_fault){SIP_MISSING, mandatory[i]};
    return FINE;
}
