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

struct sip_fault sip_stamp_via(struct sip_message *message, struct sip_slice received, int32_t rport) {
    struct sip_scratch scratch;
    struct sip_buffer out = {NULL, 0, 0, false};
    struct sip_slice value;
    struct sip_via via;
    struct sip_param param;
    uint32_t index;
    if (!find_top(message, &index, &value)) return (struct sip_fault){SIP_MISSING, SIP_VIA};
    struct sip_slice text = blanked(value, &scratch);
    enum sip_error error = SIP_OK;
    if (message->known.via && message->known.top_via.text.at == text.at)
        via = message->known.top_via;
    else
        error = sip_via_parse(text, &via);
    if (error != SIP_OK) return (struct sip_fault){error, SIP_VIA};
    struct sip_slice rest = via.params;
    bool found = true;
    sip_add(&out, (struct sip_slice){value.at, (size_t)(rest.at - text.at)});
    for (const char *from = rest.at; sip_param_next(&rest, &param, &found) == SIP_OK && found; from = rest.at) {
        if (sip_same_nocase(param.name, SIP_TEXT("received"))) continue;
        if (rport >= 0 && sip_same_nocase(param.name, SIP_TEXT("rport"))) {
            sip_add(&out, SIP_TEXT(";rport="));
            sip_add_number(&out, (uint32_t)rport);
        } else {
            sip_add(&out, (struct sip_slice){value.at + (from - text.at), (size_t)(rest.at - from)});
        }
    }
    if (received.at) {
        sip_add(&out, SIP_TEXT(";received="));
        sip_add(&out, received);
    }
    error = out.failed ? SIP_NO_MEMORY : sip_line_splice(message, index, value, (struct sip_slice){out.at, out.size});
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
