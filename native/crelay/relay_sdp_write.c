#include "relay_sdp_write.h"

/* A party's candidates and credentials are for its own leg; the other leg has ours, or none. Each m= line keeps ports of its own here,
 * which BUNDLE would take from it (RFC 9143 section 7.3). */
static const char *const dropped[] = {"candidate",   "remote-candidates", "end-of-candidates", "ice-ufrag",  "ice-pwd",
                                      "ice-options", "ice-lite",          "ice-mismatch",      "ice-pacing", "bundle-only"};

bool relay_sdp_is_dropped(const struct relay_sdp_line *line, const struct relay_sdp_style *style)
{
    if (relay_span_is(line->name, "extmap"))
        return style->strip_extmap;
    if (relay_span_is(line->name, "group"))
        return line->value.size >= 6 && memcmp(line->value.at, "BUNDLE", 6) == 0;
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (relay_span_is(line->name, dropped[i]))
            return true;
    return false;
}

static struct relay_span address_of(struct relay_span connection)
{
    struct relay_span rest = connection, word, address = {connection.at, 0};
    while ((word = relay_sdp_word(&rest)).size > 0)
        address = word;
    return address;
}

static bool is_zero(struct relay_span connection)
{
    struct relay_span address = address_of(connection);
    return relay_span_is(address, "0.0.0.0") || relay_span_is(address, "::");
}

bool relay_sdp_is_held(const struct relay_sdp_section *session, const struct relay_sdp_section *section)
{
    bool to_come = section->port == RELAY_SDP_TRICKLED_PORT && (section->trickle || session->trickle);
    return !to_come && is_zero(section->connection.at != NULL ? section->connection : session->connection);
}

/* Hold by zero address passes through, in our family, unless told otherwise. */
void relay_sdp_write_connection(struct relay_text *text, const struct relay_sdp_style *style, struct relay_span line, bool held)
{
    bool six = relay_span_is(address_of(line), "::");
    if (style->replace_zero || !held || !is_zero(line))
        relay_text_line(text, "c=", style->connection);
    else if (six == (style->family == 6))
        relay_text_line(text, "", line);
    else
        relay_text_string(text, six ? "c=IN IP4 0.0.0.0\r\n" : "c=IN IP6 ::\r\n");
}

/* Whether the session's own address holds a section, or none says otherwise. */
static bool holds(const struct relay_sdp *sdp)
{
    bool asked = false;
    for (size_t i = 1; i < sdp->sections; i++)
        if (sdp->section[i].connection.at == NULL) {
            if (relay_sdp_is_held(&sdp->section[0], &sdp->section[i]))
                return true;
            asked = true;
        }
    return !asked;
}

/* Whether what the session says of keys (RFC 8122 section 5) is of no line that goes on with the party's own. */
static bool is_rekeyed(const struct relay_sdp *sdp, const struct relay_sdp_local *locals)
{
    bool any = false, all = true;
    for (size_t i = 1; i < sdp->sections; i++) {
        any |= locals[i - 1].rekeyed;
        all &= locals[i - 1].rekeyed || (!locals[i - 1].untouched && locals[i - 1].port == 0);
    }
    return any && all;
}

/* ``directed``, ``rekeyed``: every section says its own direction, or its own keys. */
static void write_session(const struct relay_sdp *sdp, const struct relay_sdp_style *style, bool directed, bool rekeyed,
                          struct relay_text *text, size_t *origin)
{
    const struct relay_sdp_section *section = &sdp->section[0];
    struct relay_span rest = section->text, bare;
    struct relay_sdp_line line;
    bool seen = false, named = style->name.size == 0;
    while (relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        char letter = bare.at[0];
        if (letter == 'o' && !seen) {
            *origin = text->size;
            seen = true;
        } else if (letter == 's' && !named) {
            relay_text_line(text, "", style->name);
            named = true;
        } else if (letter == 'c') {
            relay_sdp_write_connection(text, style, bare, holds(sdp));
        } else if (letter != 'a' || !(relay_sdp_is_dropped(&line, style) || (directed && relay_sdp_is_direction(line.name)) ||
                                      (rekeyed && relay_sdp_is_of_keys(line.name)))) {
            relay_text_line(text, "", bare);
        }
    }
    if (style->lite)
        relay_text_string(text, "a=ice-lite\r\n");
    if (style->loop_mark.size > 0)
        relay_text_line(text, "a=" RELAY_SDP_LOOP_MARK ":", style->loop_mark);
}

static void write_untouched(const struct relay_sdp_section *section, const struct relay_sdp_style *style, struct relay_text *text)
{
    struct relay_span rest = section->text, bare;
    bool inserted = section->connection.at != NULL || style->inherited.size == 0;
    while (relay_sdp_next(&rest, &bare)) {
        if (!inserted && bare.at[0] != 'm' && bare.at[0] != 'i') { /* where RFC 8866 section 9 wants it */
            relay_text_line(text, "c=", style->inherited);
            inserted = true;
        }
        relay_text_line(text, "", bare);
    }
    if (!inserted)
        relay_text_line(text, "c=", style->inherited);
}

void relay_sdp_write(const struct relay_sdp *sdp, const struct relay_sdp_local *locals, const struct relay_sdp_style *style,
                     struct relay_text *text, size_t *origin)
{
    bool directed = !style->keep_directions; /* whether every section says its own direction */
    for (size_t i = 1; i < sdp->sections; i++)
        directed &= !locals[i - 1].untouched;
    write_session(sdp, style, directed, is_rekeyed(sdp, locals), text, origin);
    for (size_t i = 1; i < sdp->sections; i++)
        if (locals[i - 1].untouched)
            write_untouched(&sdp->section[i], style, text);
        else
            relay_sdp_write_media(&sdp->section[0], &sdp->section[i], &locals[i - 1], style, text);
}
