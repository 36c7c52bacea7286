/* received and rport of the top Via. */
#include "sip_build.h"
#include "sip_chars.h"

/* The first Via line with a value: its index, and that value as it stands there, folding included. */
static bool find_top(const struct sip_message *message, uint32_t *index, struct sip_slice *value) {
    struct sip_wanted wanted = {.id = SIP_VIA};
    SIP_EACH_LINE(i, message, wanted) {
        struct sip_slice rest = sip_line_value(message, &message->lines[i]);
        *index = i;
        if (sip_list_next(&rest, value)) return true;
    }
    return false;
}

/* Line ends of a folded value become spaces, so that offsets stay. */
static struct sip_slice blanked(struct sip_slice value, struct sip_scratch *scratch) {
    if (!memchr(value.at, '\n', value.size)) return value;
    for (size_t i = 0; i < value.size; i++)
        scratch->bytes[i] = value.at[i] == '\r' || value.at[i] == '\n' ? ' ' : value.at[i];
    return (struct sip_slice){scratch->bytes, value.size};
}

/* Where the new value has what was stamped on it, behind its first byte; 0: nowhere. */
struct stamps {
    size_t rport, received;
};

/* The value `from`, whose text is `via->text` without line ends, with these two parameters. */
static struct stamps add_stamped(struct sip_buffer *out, struct sip_slice from, const struct sip_via *via, struct sip_slice received,
    int32_t rport) {
    struct stamps stamps = {0, 0};
    struct sip_slice rest = via->params;
    struct sip_param param;
    bool found = true;
    const char *origin = from.at - (via->text.at - rest.at), *start = rest.at;
    sip_add(out, sip_slice_of(from.at, origin));
    for (const char *at = start; sip_param_next(&rest, &param, &found) == SIP_OK && found; at = rest.at) {
        if (sip_same_nocase(param.name, SIP_TEXT("received"))) continue;
        if (rport >= 0 && sip_same_nocase(param.name, SIP_TEXT("rport"))) {
            sip_add(out, SIP_TEXT(";rport="));
            if (!stamps.rport) stamps.rport = out->size;
            sip_add_number(out, (uint32_t)rport);
        } else {
            sip_add(out, sip_slice_of(origin + (at - start), origin + (rest.at - start)));
        }
    }
    if (!received.at) return stamps;
    sip_add(out, SIP_TEXT(";received="));
    stamps.received = out->size;
    sip_add(out, received);
    return stamps;
}

/* `via` was read from the bytes as they came, which stay: what is known of it needs no second reading. */
static void keep_stamped(struct sip_message *message, struct sip_slice now, struct sip_via via, struct stamps stamps, int32_t rport) {
    size_t before = (size_t)(via.params.at - via.text.at);
    via.text = now;
    via.params = (struct sip_slice){now.at + before, now.size - before};
    via.received = stamps.received ? sip_slice_of(now.at + stamps.received, now.at + now.size) : (struct sip_slice){NULL, 0};
    if (stamps.rport) {
        const char *digits = now.at + stamps.rport, *end = digits;
        while (end < now.at + now.size && sip_is(*end, SIP_CHAR_DIGIT)) end++;
        via.rport = sip_slice_of(digits, end);
        via.rport_number = rport;
    }
    message->known.via = true;
    message->known.top_via = via;
}

struct sip_fault sip_stamp_via(struct sip_message *message, struct sip_slice received, int32_t rport) {
    struct sip_scratch scratch;
    SIP_STACK_BUFFER(out);
    struct sip_slice value;
    struct sip_via via;
    uint32_t index;
    if (!find_top(message, &index, &value)) return (struct sip_fault){SIP_MISSING, SIP_VIA};
    const struct sip_line *line = &message->lines[index];
    struct sip_slice text = blanked(value, &scratch), whole = sip_line_value(message, line);
    bool as_it_came = text.at == whole.at && !(line->flags & SIP_LINE_EDITED);
    enum sip_error error = SIP_OK;
    if (message->known.via && message->known.top_via.text.at == text.at)
        via = message->known.top_via;
    else
        error = sip_via_parse(text, &via);
    if (error != SIP_OK) return (struct sip_fault){error, SIP_VIA};
    struct stamps stamps = add_stamped(&out, value, &via, received, rport);
    error = out.failed ? SIP_NO_MEMORY : sip_line_splice(message, index, value, (struct sip_slice){out.at, out.size});
    if (error == SIP_OK && as_it_came)
        keep_stamped(message, (struct sip_slice){sip_line_value(message, line).at, out.size}, via, stamps, rport);
    sip_buffer_free(&out);
    return (struct sip_fault){error, SIP_VIA};
}

struct sip_fault sip_stamp_source(struct sip_message *message, struct sip_slice host, uint16_t port) {
    struct sip_scratch scratch;
    struct sip_via via;
    struct sip_fault fault = sip_read_via(message, &scratch, &via);
    if (fault.error != SIP_OK) return fault;
    if (via.rport.at) return sip_stamp_via(message, host, port);
    if (via.received.at || !sip_same_nocase(via.host, host)) return sip_stamp_via(message, host, -1);
    return fault;
}
