#include "sip_build.h"

#include "sip_chars.h"

void sip_add_header(struct sip_buffer *out, struct sip_slice name, struct sip_slice value) {
    sip_add(out, name);
    sip_add(out, SIP_TEXT(": "));
    sip_add(out, value);
    sip_add(out, SIP_TEXT("\r\n"));
}

void sip_add_body(struct sip_buffer *out, struct sip_slice body) {
    sip_add(out, SIP_TEXT("Content-Length: "));
    sip_add_number(out, (uint32_t)body.size);
    sip_add(out, SIP_TEXT("\r\n\r\n"));
    sip_add(out, body);
}

static void add_line(struct sip_buffer *out, const struct sip_message *message, const struct sip_line *line) {
    sip_add(out, (struct sip_slice){sip_line_start(message, line), line->size});
}

static bool has_tag(const struct sip_message *message, const struct sip_line *line) {
    struct sip_scratch scratch;
    struct sip_addr addr;
    if (message->known.to) return message->known.to_tag.at;
    struct sip_slice text = sip_line_text(message, line, &scratch);
    return sip_addr_may_have_tag(text) && sip_addr_parse(text, &addr) == SIP_OK && addr.tag.at;
}

/* The tag goes behind the value, in front of whatever ends the line. */
static void add_to(struct sip_buffer *out, const struct sip_message *message, const struct sip_line *line,
    struct sip_slice tag) {
    if (!tag.at || has_tag(message, line)) {
        add_line(out, message, line);
        return;
    }
    const char *start = sip_line_start(message, line);
    size_t used = (size_t)line->value_at + line->value_size;
    sip_add(out, (struct sip_slice){start, used});
    sip_add(out, SIP_TEXT(";tag="));
    sip_add(out, tag);
    sip_add(out, (struct sip_slice){start + used, line->size - used});
}

void sip_add_reply(struct sip_buffer *out, const struct sip_message *request, int status, struct sip_slice reason,
    struct sip_slice to_tag) {
    bool seen[SIP_NAME_COUNT] = {false};
    sip_add(out, SIP_TEXT("SIP/2.0 "));
    sip_add_number(out, (uint32_t)status);
    sip_add(out, SIP_TEXT(" "));
    sip_add(out, reason);
    sip_add(out, SIP_TEXT("\r\n"));
    for (uint32_t i = 0; i < request->line_count; i++) {
        const struct sip_line *line = &request->lines[i];
        bool copied = line->id == SIP_FROM || line->id == SIP_CALL_ID || line->id == SIP_CSEQ || line->id == SIP_TO ||
                      (line->id == SIP_TIMESTAMP && status == 100);
        if (line->id != SIP_VIA && (!copied || seen[line->id])) continue;
        seen[line->id] = true;
        if (line->id == SIP_TO)
            add_to(out, request, line, to_tag);
        else
            add_line(out, request, line);
    }
}

static void add_lines(struct sip_buffer *out, const struct sip_message *message, enum sip_name id) {
    struct sip_wanted wanted = {.id = id};
    SIP_EACH_LINE(i, message, wanted)
        add_line(out, message, &message->lines[i]);
}

struct sip_fault sip_add_derived(struct sip_buffer *out, const struct sip_message *request, struct sip_slice method) {
    struct sip_scratch scratch;
    struct sip_slice via, own_method;
    uint32_t number;
    enum sip_error error = sip_read_first(request, SIP_VIA, &scratch, &via);
    if (error != SIP_OK) return (struct sip_fault){error, SIP_VIA};
    sip_add(out, method);
    sip_add(out, SIP_TEXT(" "));
    sip_add(out, sip_message_uri(request));
    sip_add(out, SIP_TEXT(" SIP/2.0\r\n"));
    sip_add_header(out, SIP_TEXT("Via"), via);
    struct sip_fault fault = sip_read_cseq(request, &scratch, &number, &own_method);
    if (fault.error != SIP_OK) return fault;
    sip_add_header(out, SIP_TEXT("Max-Forwards"), SIP_TEXT("70"));
    add_lines(out, request, SIP_ROUTE);
    add_lines(out, request, SIP_FROM);
    add_lines(out, request, SIP_TO);
    add_lines(out, request, SIP_CALL_ID);
    sip_add(out, SIP_TEXT("CSeq: "));
    sip_add_number(out, number);
    sip_add(out, SIP_TEXT(" "));
    sip_add(out, method);
    sip_add(out, SIP_TEXT("\r\n"));
    sip_add_body(out, (struct sip_slice){"", 0});
    return (struct sip_fault){out->failed ? SIP_NO_MEMORY : SIP_OK, SIP_OTHER};
}
