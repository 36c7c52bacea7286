#include "sip_refuse.h"

#include "sip_chars.h"

#define DEFAULT_PORT 5060

static struct sip_slice method_of(const struct sip_message *message) {
    return (struct sip_slice){message->raw + message->start_at, message->method_size};
}

static bool has(const struct sip_message *message, enum sip_name id) {
    return sip_line_find(message, (struct sip_wanted){.id = id}, 0) < message->line_count;
}

static struct sip_slice to_tag(const struct sip_message *message, struct sip_scratch *scratch) {
    struct sip_slice text, tag;
    bool may = sip_read_text(message, SIP_TO, scratch, &text) == SIP_OK && sip_addr_may_have_tag(text);
    return may && sip_read_tag(message, SIP_TO, scratch, &tag).error == SIP_OK ? tag : (struct sip_slice){NULL, 0};
}

static bool is_beginning(struct sip_slice method) {
    static const struct sip_slice methods[] = {SIP_TEXT("INVITE"),  SIP_TEXT("REGISTER"), SIP_TEXT("OPTIONS"), SIP_TEXT("SUBSCRIBE"),
                                               SIP_TEXT("MESSAGE"), SIP_TEXT("PUBLISH"),  SIP_TEXT("REFER")};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (sip_same(method, methods[i])) return true;
    return false;
}

bool sip_begins(const struct sip_message *message) {
    struct sip_scratch scratch;
    return !message->status && is_beginning(method_of(message)) && !to_tag(message, &scratch).at;
}

bool sip_may_concern_refusal(struct sip_slice data) {
    const char *space = memchr(data.at, ' ', data.size);
    if (!space || *data.at == '\r' || *data.at == '\n') return true; /* who knows */
    struct sip_slice first = sip_slice_of(data.at, space);
    return sip_same(first, SIP_TEXT("ACK")) || is_beginning(first);
}

bool sip_has_credentials(const struct sip_message *message) {
    return has(message, SIP_AUTHORIZATION) || has(message, SIP_PROXY_AUTHORIZATION);
}

static struct sip_refusal_tag tag_of(uint32_t hash) {
    struct sip_refusal_tag tag = {""};
    for (int i = 7; i >= 0; i--, hash >>= 4) tag.text[i] = "0123456789abcdef"[hash & 15];
    return tag;
}

struct sip_refusal_tag sip_refusal_tag(struct sip_slice server_key) { return tag_of(sip_crc32(server_key)); }

/* Whether the To ends with that tag, as it leaves here: then nothing of it is to be read. */
static bool ends_with_tag(const struct sip_message *message, struct sip_slice tag) {
    static const struct sip_slice name = SIP_TEXT(";tag=");
    uint32_t index = sip_line_find(message, (struct sip_wanted){.id = SIP_TO}, 0);
    if (index == message->line_count) return false;
    struct sip_slice value = sip_line_value(message, &message->lines[index]);
    if (value.size < name.size + tag.size) return false;
    const char *at = value.at + value.size - tag.size;
    return !memcmp(at, tag.at, tag.size) && !memcmp(at - name.size, name.at, name.size);
}

bool sip_ends_refusal(const struct sip_message *message, struct sip_slice server_key) {
    struct sip_scratch scratch;
    if (message->status || !sip_same(method_of(message), SIP_TEXT("ACK"))) return false;
    struct sip_refusal_tag text = sip_refusal_tag(server_key);
    struct sip_slice tag = {text.text, sizeof text.text - 1};
    return ends_with_tag(message, tag) || sip_same(to_tag(message, &scratch), tag);
}

bool sip_answers_to_source(const struct sip_message *message, uint16_t port) {
    struct sip_scratch scratch;
    struct sip_via via;
    if (sip_read_via(message, &scratch, &via).error != SIP_OK || via.maddr.at) return false;
    return via.rport.at || (via.port < 0 ? DEFAULT_PORT : via.port) == port;
}

struct sip_fault sip_add_refusal(struct sip_buffer *out, struct sip_message *request, struct sip_slice host, uint16_t port,
    struct sip_slice server_key, uint32_t retry_after_s) {
    struct sip_fault fault = sip_stamp_source(request, host, port);
    if (fault.error != SIP_OK) return fault;
    uint32_t hash = sip_crc32(server_key);
    struct sip_refusal_tag tag = tag_of(hash);
    const char *reason = sip_reason_phrase(503);
    sip_add_reply(out, request, 503, (struct sip_slice){reason, strlen(reason)},
        (struct sip_slice){tag.text, sizeof tag.text - 1});
    sip_add(out, SIP_TEXT("Retry-After: "));
    sip_add_number(out, 1 + hash % retry_after_s);
    sip_add(out, SIP_TEXT("\r\n"));
    sip_add_body(out, (struct sip_slice){"", 0});
    return (struct sip_fault){out->failed ? SIP_NO_MEMORY : SIP_OK, SIP_OTHER};
}
