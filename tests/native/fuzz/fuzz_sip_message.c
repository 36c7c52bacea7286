/* Fuzz target: any bytes as a datagram. Invariants: every line and slice lies in its buffer; what was not edited is written
 * as it came; what is written scans again to the same lines, after edits too; what was kept of an earlier parse is what is
 * there; salvage, check, replies, keys and copies only read what is there. */
#include <stdlib.h>

#include "../check.h"
#include "sip_forward.h"
#include "sip_refuse.h"
#include "sip_slot.h"

static char *written(const struct sip_message *message, size_t *size) {
    *size = sip_written_size(message, false);
    char *out = malloc(*size ? *size : 1);
    sip_write(message, false, out);
    return out;
}

static void lines_lie_inside(const struct sip_message *message) {
    CHECK(message->line_count <= message->line_room);
    for (uint32_t i = 0; i < message->line_count; i++) {
        const struct sip_line *line = &message->lines[i];
        uint32_t end = line->flags & SIP_LINE_EDITED ? message->text_size : message->raw_size;
        CHECK(line->at <= end && line->size <= end - line->at);
        CHECK(line->name_size > 0 && line->name_size < line->value_at);
        CHECK(line->value_at + line->value_size <= line->size);
        CHECK(sip_line_start(message, line)[line->size - 1] == '\n');
    }
}

static void written_scans_the_same(const struct sip_message *message) {
    size_t size;
    char *out = written(message, &size);
    struct sip_message again;
    if (size > SIP_MAX_MESSAGE_BYTES || message->line_count > SIP_MAX_HEADERS) {
        free(out);
        return;
    }
    struct sip_fault fault = sip_message_scan(&again, out, size);
    /* an edit may have made a line too long, or a Content-Length that no longer fits */
    if (fault.error == SIP_OK) {
        CHECK(again.line_count == message->line_count);
        for (uint32_t i = 0; i < again.line_count; i++) {
            CHECK(again.lines[i].id == message->lines[i].id);
            CHECK(sip_same(sip_line_value(&again, &again.lines[i]), sip_line_value(message, &message->lines[i])));
        }
        CHECK(sip_same(sip_message_uri(&again), sip_message_uri(message)) || message->status);
    } else {
        CHECK(message->edited && (fault.error == SIP_LINE_TOO_LONG || fault.header == SIP_CONTENT_LENGTH));
    }
    sip_message_free(&again);
    free(out);
}

static void unedited_is_untouched(const struct sip_message *message) {
    size_t size, body_end = message->raw_size - message->trailing, kept = body_end - message->start_at;
    char *out = written(message, &size);
    CHECK(size == kept + (message->end_size ? 0 : 2));
    char *sip = out + message->version_at - message->start_at - 4; /* in upper case, however it came */
    CHECK(!memcmp(sip, "SIP/", 4));
    memcpy(sip, message->raw + message->version_at - 4, 3);
    CHECK(!memcmp(out, message->raw + message->start_at, kept));
    free(out);
}

/* It has no bare LF any more, and is the same message unless a limit is in the way. */
static void crlf_changes_nothing(const struct sip_message *message) {
    struct sip_message again;
    size_t size = sip_with_crlf_size(message);
    char *out = malloc(size);
    CHECK(out && size >= message->raw_size - message->start_at);
    sip_with_crlf(message, out);
    struct sip_fault fault = sip_message_scan(&again, out, size);
    CHECK(fault.error == SIP_OK || fault.error == SIP_LINE_TOO_LONG || fault.error == SIP_TOO_LARGE);
    if (fault.error == SIP_OK) {
        CHECK(!again.bare_lf && again.line_count == message->line_count && again.trailing == message->trailing);
        CHECK(message->bare_lf || size == message->raw_size - message->start_at);
        CHECK(again.body_size == message->body_size && (!again.body_size || !memcmp(again.body, message->body, again.body_size)));
    }
    sip_message_free(&again);
    free(out);
}

/* What was kept from an earlier parse is what a parse finds now. */
static void knows_what_it_says(struct sip_message *message) {
    struct sip_scratch scratch;
    struct sip_via kept, parsed;
    struct sip_slice kept_tag, tag;
    bool had_via = sip_read_via(message, &scratch, &kept).error == SIP_OK && message->known.via;
    bool had_tag = sip_read_tag(message, SIP_TO, &scratch, &kept_tag).error == SIP_OK && message->known.to;
    message->known = (struct sip_known){0};
    CHECK(!had_via || (sip_read_via(message, &scratch, &parsed).error == SIP_OK && sip_same(parsed.text, kept.text) &&
                         sip_same(parsed.branch, kept.branch) && parsed.rport_number == kept.rport_number));
    CHECK(!had_tag || (sip_read_tag(message, SIP_TO, &scratch, &tag).error == SIP_OK && sip_same(tag, kept_tag)));
}

static void build_all(struct sip_message *message) {
    struct sip_buffer out = {.at = NULL};
    struct sip_slice method = {message->raw + message->start_at, message->method_size};
    struct sip_scratch scratch;
    struct sip_slice value;
    uint32_t traits;
    bool sound = sip_check(message, &traits).error == SIP_OK;
    bool routed = sip_line_find(message, (struct sip_wanted){.id = SIP_ROUTE}, 0) < message->line_count;
    CHECK(!sound || routed == !!(traits & SIP_ROUTED));
    CHECK(!sound || sip_route_param(message, SIP_TEXT("c"), &scratch, &value).error == SIP_OK);
    sip_add_reply(&out, message, 400, SIP_TEXT("Bad Request"), SIP_TEXT("tag"));
    sip_add_body(&out, SIP_TEXT(""));
    struct sip_message reply;
    if (out.size <= SIP_MAX_MESSAGE_BYTES) {
        enum sip_error error = sip_message_scan(&reply, out.at, out.size).error;
        CHECK(error == SIP_OK || error == SIP_LINE_TOO_LONG);
        sip_message_free(&reply);
    }
    out.size = 0;
    sip_add_derived(&out, message, SIP_TEXT("ACK"));
    out.size = 0;
    sip_add_server_key(&out, message, method);
    sip_add_client_key(&out, message);
    sip_buffer_free(&out);
}

static void forward(const struct sip_message *message) {
    struct sip_message next;
    if (message->status || sip_forward(&next, message, SIP_TEXT("sip:next@example.com"), 70, 60).error != SIP_OK) return;
    lines_lie_inside(&next);
    CHECK(sip_same(sip_message_uri(&next), SIP_TEXT("sip:next@example.com")));
    written_scans_the_same(&next);
    sip_message_free(&next);
}

/* Stamps the Via. */
static void refuse(struct sip_message *message) {
    struct sip_buffer out = {.at = NULL};
    sip_ends_refusal(message, SIP_TEXT("key"));
    if (sip_begins(message) && sip_answers_to_source(message, 5060)) {
        struct sip_message answer;
        CHECK(sip_add_refusal(&out, message, SIP_TEXT("192.0.2.1"), 5060, SIP_TEXT("key"), 5).error == SIP_OK);
        if (out.size <= SIP_MAX_MESSAGE_BYTES) {
            enum sip_error error = sip_message_scan(&answer, out.at, out.size).error;
            CHECK(error == SIP_LINE_TOO_LONG || (error == SIP_OK && answer.status == 503));
            sip_message_free(&answer);
        }
    }
    sip_buffer_free(&out);
}

/* Each byte of `script` is an edit. */
static void edit(struct sip_message *message, const uint8_t *script, size_t size) {
    static const char filler[300] = "sip:filler@example.com;tag=x";
    for (size_t i = 0; i < size && i < 24; i++) {
        struct sip_slice value = {filler, script[i] % sizeof filler};
        while (value.size && value.at[value.size - 1] == 0) value.size--;
        switch (script[i] & 15) {
        case 0: sip_push(message, sip_want(SIP_TEXT("Via")), value); break;
        case 1: sip_pop_first(message, SIP_VIA); break;
        case 2: sip_pop_last(message, SIP_ROUTE); break;
        case 3: sip_pop_first(message, SIP_ROUTE); break;
        case 4: sip_stamp_via(message, SIP_TEXT("192.0.2.1"), script[i] * 7); break;
        case 5: sip_stamp_via(message, (struct sip_slice){NULL, 0}, -1); break;
        case 6: sip_append(message, sip_want(SIP_TEXT("Route")), value); break;
        case 7: sip_set(message, sip_want(SIP_TEXT("X-Other")), value); break;
        case 8: sip_remove(message, sip_want(SIP_TEXT("Route"))); break;
        case 9: sip_remove(message, sip_want(SIP_TEXT("x-other"))); break;
        case 14: sip_set(message, sip_want(SIP_TEXT("To")), SIP_TEXT("<sip:to>;tag=new")); break;
        case 10: if (!message->status) sip_set_uri(message, SIP_TEXT("sip:new")); break;
        case 11: sip_push(message, sip_want(SIP_TEXT("Record-Route")), value); break;
        case 12: sip_set(message, sip_want(SIP_TEXT("Max-Forwards")), SIP_TEXT("69")); break;
        case 13: sip_append(message, sip_want(SIP_TEXT("Contact")), value); break;
        default: sip_set(message, sip_want(SIP_TEXT("CSeq")), SIP_TEXT("1 INVITE")); break;
        }
        lines_lie_inside(message);
        knows_what_it_says(message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sip_message message, copy;
    char *raw = malloc(size ? size : 1); /* its own block, so that the sanitizer sees one byte too far */
    memcpy(raw, data, size);
    CHECK(sip_call_slot((struct sip_slice){raw, size}) >= -1);
    if (sip_message_salvage(&message, raw, size) == SIP_OK) {
        lines_lie_inside(&message);
        build_all(&message);
        sip_message_free(&message);
    }
    if (sip_message_scan(&message, raw, size).error == SIP_OK) {
        CHECK(message.body >= raw && message.body + message.body_size + message.trailing == raw + size);
        lines_lie_inside(&message);
        unedited_is_untouched(&message);
        crlf_changes_nothing(&message);
        written_scans_the_same(&message);
        build_all(&message);
        CHECK(sip_message_copy(&copy, &message) == SIP_OK);
        size_t script = size < 24 ? size : 24;
        refuse(&copy);
        edit(&copy, data + size - script, script);
        written_scans_the_same(&copy);
        build_all(&copy);
        forward(&copy);
        sip_message_free(&copy);
        unedited_is_untouched(&message);
        crlf_changes_nothing(&message);
        sip_message_free(&message);
    }
    free(raw);
    return 0;
}
