/* Keys of transactions (RFC 3261 sections 17.1.3 and 17.2.3), and the texts that tell requests apart. */
#include "sip_build.h"
#include "sip_chars.h"

#define MAGIC "z9hG4bK"

static void add_lower(struct sip_buffer *out, struct sip_slice text) {
    size_t from = out->size;
    sip_add(out, text);
    for (size_t i = from; i < out->size; i++) out->at[i] = sip_lower(out->at[i]);
}

static void add_separator(struct sip_buffer *out) { sip_add(out, SIP_TEXT("|")); }

/* RFC 2543 clients have no branch worth the name: the fields of section 17.2.3, the To tag left out because the ACK's is the
 * response's. */
static struct sip_fault add_old_key(struct sip_buffer *out, const struct sip_message *message, struct sip_scratch *scratch) {
    struct sip_slice text, method;
    uint32_t number;
    sip_add(out, SIP_TEXT("2543|"));
    sip_add(out, sip_message_uri(message));
    add_separator(out);
    struct sip_fault fault = sip_read_tag(message, SIP_FROM, scratch, &text);
    if (fault.error != SIP_OK) return fault;
    sip_add(out, text);
    add_separator(out);
    fault = (struct sip_fault){sip_read_text(message, SIP_CALL_ID, scratch, &text), SIP_CALL_ID};
    if (fault.error != SIP_OK) return fault;
    sip_add(out, text);
    fault = sip_read_cseq(message, scratch, &number, &method);
    if (fault.error != SIP_OK) return fault;
    sip_add(out, SIP_TEXT("|"));
    sip_add_number(out, number);
    sip_add(out, SIP_TEXT("|"));
    sip_read_first(message, SIP_VIA, scratch, &text);
    sip_add(out, text);
    return fault;
}

/* What the server key has besides the method. */
static struct sip_fault add_sender_key(struct sip_buffer *out, const struct sip_message *message, struct sip_scratch *scratch) {
    struct sip_via via;
    struct sip_fault fault = sip_read_via(message, scratch, &via);
    if (fault.error != SIP_OK) return fault;
    /* RFC 4475 section 3.2.1: the cookie alone identifies nothing */
    if (via.branch.size <= sizeof MAGIC - 1 || memcmp(via.branch.at, MAGIC, sizeof MAGIC - 1))
        return add_old_key(out, message, scratch);
    sip_add(out, via.branch);
    add_separator(out);
    add_lower(out, via.sent_by);
    return fault;
}

struct sip_fault sip_add_server_key(struct sip_buffer *out, const struct sip_message *message, struct sip_slice method) {
    struct sip_scratch scratch;
    struct sip_fault fault = add_sender_key(out, message, &scratch);
    if (fault.error != SIP_OK) return fault;
    add_separator(out);
    sip_add(out, sip_same(method, SIP_TEXT("ACK")) ? SIP_TEXT("INVITE") : method);
    return (struct sip_fault){out->failed ? SIP_NO_MEMORY : SIP_OK, SIP_OTHER};
}

struct sip_fault sip_add_tag_text(struct sip_buffer *out, const struct sip_message *message) {
    struct sip_scratch scratch;
    sip_add(out, SIP_TAG_TEXT_BEGINS);
    struct sip_fault fault = add_sender_key(out, message, &scratch);
    if (fault.error == SIP_OK && out->failed) fault.error = SIP_NO_MEMORY;
    return fault;
}

struct sip_fault sip_add_client_key(struct sip_buffer *out, const struct sip_message *message) {
    struct sip_scratch scratch;
    struct sip_via via;
    struct sip_slice method;
    uint32_t number;
    struct sip_fault fault = sip_read_via(message, &scratch, &via);
    if (fault.error != SIP_OK) return fault;
    sip_add(out, via.branch);
    add_separator(out);
    fault = sip_read_cseq(message, &scratch, &number, &method);
    if (fault.error != SIP_OK) return fault;
    sip_add(out, method);
    return (struct sip_fault){out->failed ? SIP_NO_MEMORY : SIP_OK, SIP_OTHER};
}

/* Call-ID, CSeq number and From tag, each behind a space. */
static struct sip_fault add_sequence(struct sip_buffer *out, const struct sip_message *message, struct sip_scratch *scratch) {
    struct sip_slice text, method;
    uint32_t number;
    struct sip_fault fault = {sip_read_text(message, SIP_CALL_ID, scratch, &text), SIP_CALL_ID};
    if (fault.error != SIP_OK) return fault;
    sip_add(out, SIP_TEXT(" "));
    sip_add(out, text);
    fault = sip_read_cseq(message, scratch, &number, &method);
    if (fault.error != SIP_OK) return fault;
    sip_add(out, SIP_TEXT(" "));
    sip_add_number(out, number);
    sip_add(out, SIP_TEXT(" "));
    fault = sip_read_tag(message, SIP_FROM, scratch, &text);
    if (fault.error == SIP_OK) sip_add(out, text);
    return fault;
}

struct sip_fault sip_add_identity(struct sip_buffer *out, const struct sip_message *message) {
    struct sip_scratch scratch;
    struct sip_fault fault = add_sender_key(out, message, &scratch);
    if (fault.error == SIP_OK) fault = add_sequence(out, message, &scratch);
    if (fault.error == SIP_OK && out->failed) fault.error = SIP_NO_MEMORY;
    return fault;
}

struct sip_fault sip_add_decisive(struct sip_buffer *out, const struct sip_message *message) {
    static const enum sip_name names[] = {SIP_ROUTE, SIP_PROXY_REQUIRE, SIP_PROXY_AUTHORIZATION};
    struct sip_scratch scratch;
    struct sip_slice to_tag;
    sip_add(out, sip_message_uri(message));
    struct sip_fault fault = add_sequence(out, message, &scratch);
    if (fault.error != SIP_OK) return fault;
    fault = sip_read_tag(message, SIP_TO, &scratch, &to_tag);
    if (fault.error != SIP_OK) return fault;
    add_separator(out);
    sip_add(out, to_tag);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sip_wanted wanted = {.id = names[i]};
        SIP_EACH_LINE(line, message, wanted) {
            add_separator(out);
            sip_add(out, sip_line_text(message, &message->lines[line], &scratch));
        }
    }
    if (out->failed) fault.error = SIP_NO_MEMORY;
    return fault;
}
