#include "relay_sdp_write.h"

#include <stdlib.h>

#define LEAST_ROOM 2048

/* We offer no candidates, so what is left of ICE would only make an ICE agent see a mismatch (RFC 8839 section 4.2.5). */
static const char *const of_ice[] = {"candidate",   "remote-candidates", "end-of-candidates", "ice-ufrag",  "ice-pwd",
                                     "ice-options", "ice-lite",          "ice-mismatch",      "ice-pacing", NULL};
/* What a party says of its keys, when they are for its own leg only. */
static const char *const of_keys[] = {"crypto", "fingerprint", "setup", "tls-id", "key-mgmt", "zrtp-hash", NULL};

static bool is_one_of(struct relay_span name, const char *const *names)
{
    while (*names != NULL && !relay_span_is(name, *names))
        names++;
    return *names != NULL;
}

static void put(struct relay_text *text, const char *bytes, size_t size)
{
    if (text->size + size > text->room) {
        size_t room = 2 * (text->size + size) + LEAST_ROOM;
        char *data = realloc(text->data, room);
        text->failed |= data == NULL;
        if (data == NULL)
            return;
        text->data = data;
        text->room = room;
    }
    if (size > 0)
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
}

static void put_span(struct relay_text *text, struct relay_span span) { put(text, span.at, span.size); }
static void put_string(struct relay_text *text, const char *string) { put(text, string, strlen(string)); }
static void end_line(struct relay_text *text) { put(text, "\r\n", 2); }

static void put_line(struct relay_text *text, const char *start, struct relay_span rest)
{
    put_string(text, start);
    put_span(text, rest);
    end_line(text);
}

static void put_number(struct relay_text *text, unsigned number)
{
    char digits[16], *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put(text, at, (size_t)(digits + sizeof digits - at));
}

/* Hold by zero address (RFC 3264 section 8.4) passes through, in our family, unless told otherwise. */
static void put_connection(struct relay_text *text, const struct relay_sdp_style *style, struct relay_span line)
{
    struct relay_span rest = line, word, address = {line.at, 0};
    while ((word = relay_sdp_word(&rest)).size > 0)
        address = word;
    bool six = relay_span_is(address, "::");
    if (style->replace_zero || !(six || relay_span_is(address, "0.0.0.0")))
        put_line(text, "c=", style->connection);
    else if (six == (style->family == 6))
        put_line(text, "", line);
    else
        put_string(text, six ? "c=IN IP4 0.0.0.0\r\n" : "c=IN IP6 ::\r\n");
}

static void write_session(const struct relay_sdp_section *section, const struct relay_sdp_style *style, struct relay_text *text,
                          struct relay_place_of_origin *origin)
{
    struct relay_span rest = section->text, bare;
    struct relay_sdp_line line;
    bool seen = false;
    while (relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        char letter = bare.at[0];
        bool bundle = relay_span_is(line.name, "group") && line.value.size >= 6 && memcmp(line.value.at, "BUNDLE", 6) == 0;
        if (letter == 'o' && !seen) {
            origin->start = text->size;
            put_line(text, "", bare);
            origin->end = text->size;
            seen = true;
        } else if (letter == 'c') {
            put_connection(text, style, bare);
        } else if (letter != 'a' || !(bundle || is_one_of(line.name, of_ice))) {
            put_line(text, "", bare);
        }
    }
    if (style->loop_mark.size > 0)
        put_line(text, "a=" RELAY_SDP_LOOP_MARK ":", style->loop_mark);
}

static void write_untouched(const struct relay_sdp_section *section, const struct relay_sdp_style *style, struct relay_text *text)
{
    struct relay_span rest = section->text, bare;
    bool inserted = section->connection.at != NULL || style->inherited.size == 0;
    while (relay_sdp_next(&rest, &bare)) {
        if (!inserted && bare.at[0] != 'm' && bare.at[0] != 'i') { /* where RFC 8866 section 9 wants it */
            put_line(text, "c=", style->inherited);
            inserted = true;
        }
        put_line(text, "", bare);
    }
    if (!inserted)
        put_line(text, "c=", style->inherited);
}

static void put_media(struct relay_text *text, const struct relay_sdp_section *section, const struct relay_sdp_local *local)
{
    put_string(text, "m=");
    put_span(text, section->kind);
    put_string(text, " ");
    put_number(text, local->port);
    if (local->port != 0 && local->count > 1) {
        put_string(text, "/");
        put_number(text, local->count);
    }
    put_string(text, " ");
    put_span(text, local->protocol.size > 0 ? local->protocol : section->protocol);
    put_line(text, " ", section->formats);
}

static void put_rtcp(struct relay_text *text, const struct relay_sdp_local *local, const struct relay_sdp_style *style)
{
    put_string(text, "a=rtcp:");
    put_number(text, local->rtcp_port);
    if (style->full_rtcp)
        put_line(text, " ", style->connection);
    else
        end_line(text);
}

/* What is said of RTCP comes once, where it was or, but for rtcp-mux-only, at the end. */
struct rtcp_said {
    bool port, mux, mux_only;
};

static bool say_rtcp(struct relay_text *text, struct relay_span name, const struct relay_sdp_local *local,
                     const struct relay_sdp_style *style, struct rtcp_said *said)
{
    if (relay_span_is(name, "rtcp")) {
        if (!said->port)
            put_rtcp(text, local, style);
        said->port = true;
    } else if (relay_span_is(name, "rtcp-mux")) {
        if (!said->mux)
            put_string(text, "a=rtcp-mux\r\n");
        said->mux = true;
    } else if (relay_span_is(name, "rtcp-mux-only")) {
        if (!said->mux_only)
            put_string(text, "a=rtcp-mux-only\r\n");
        said->mux_only = true;
    } else {
        return false;
    }
    return true;
}

/* Each m= line keeps ports of its own here, which BUNDLE would take from it (RFC 9143 section 7.3). */
static bool goes(struct relay_span name, const struct relay_sdp_local *local)
{
    return relay_span_is(name, "bundle-only") || is_one_of(name, of_ice) || (local->rekeyed && is_one_of(name, of_keys)) ||
           (local->direction.size > 0 && relay_sdp_is_direction(name));
}

static void write_media(const struct relay_sdp_section *section, const struct relay_sdp_local *local,
                        const struct relay_sdp_style *style, struct relay_text *text)
{
    struct relay_span rest = section->text, bare;
    struct relay_sdp_line line;
    struct rtcp_said said = {.port = local->rtcp_port == 0 || local->port == 0, .mux = !local->mux, .mux_only = !local->mux};
    put_media(text, section, local);
    relay_sdp_next(&rest, &bare);
    while (relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        if (bare.at[0] == 'c')
            put_connection(text, style, bare);
        else if (bare.at[0] != 'a' || !(say_rtcp(text, line.name, local, style, &said) || goes(line.name, local)))
            put_line(text, "", bare);
    }
    put_span(text, local->keys);
    if (!said.port)
        put_rtcp(text, local, style);
    if (!said.mux)
        put_string(text, "a=rtcp-mux\r\n");
    if (local->direction.size > 0)
        put_line(text, "a=", local->direction);
}

void relay_sdp_write(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style,
                     struct relay_text *text, struct relay_place_of_origin *origin)
{
    write_session(&sdp->section[0], style, text, origin);
    for (size_t i = 1; i < sdp->sections; i++)
        if (locals[i - 1].untouched)
            write_untouched(&sdp->section[i], style, text);
        else
            write_media(&sdp->section[i], &locals[i - 1], style, text);
}
