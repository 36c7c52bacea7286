/* An m= section of the body that goes on. The order of its lines is decided here, in ``relay_sdp_write_media``. */
#include "relay_sdp_write.h"

#define PAYLOAD_TYPES 128
#define LINES_OF_FORMAT 3

/* Where a line goes. Those of a payload type have the places after ``OF_FORMATS``, LINES_OF_FORMAT for each. */
enum place { GOES, STAYS, MID, KEYS, PTIME, OF_FORMATS };

static const char *const of_format[LINES_OF_FORMAT] = {"rtpmap", "fmtp", "rtcp-fb"};
/* What a party says of its keys, when they are for its own leg only. */
static const char *const of_keys[] = {"crypto", "fingerprint", "setup", "tls-id", "key-mgmt", "zrtp-hash"};

struct placed_line {
    struct relay_span text;
    unsigned place;
};

/* Lines that don't stay where they are. */
struct placed_lines {
    size_t count;
    struct placed_line line[RELAY_SDP_MAX_LINES];
};

/* RFC 3551 tables 4 and 5. */
const char *relay_sdp_static_encoding(unsigned payload_type)
{
    static const char *const encodings[] = {
        [0] = "PCMU/8000",  [3] = "GSM/8000",   [4] = "G723/8000",   [5] = "DVI4/8000",   [6] = "DVI4/16000", [7] = "LPC/8000",
        [8] = "PCMA/8000",  [9] = "G722/8000",  [10] = "L16/44100/2", [11] = "L16/44100", [12] = "QCELP/8000", [13] = "CN/8000",
        [14] = "MPA/90000", [15] = "G728/8000", [16] = "DVI4/11025", [17] = "DVI4/22050", [18] = "G729/8000", [25] = "CelB/90000",
        [26] = "JPEG/90000", [28] = "nv/90000", [31] = "H261/90000", [32] = "MPV/90000",  [33] = "MP2T/90000", [34] = "H263/90000",
    };
    return payload_type < sizeof encodings / sizeof *encodings ? encodings[payload_type] : NULL;
}

static bool is_rtp(struct relay_span protocol) { return relay_span_has(protocol, "RTP/"); }

/* PAYLOAD_TYPES for what is none. */
static unsigned payload_type(struct relay_span word)
{
    unsigned number = 0;
    if (word.size == 0 || word.size > 3)
        return PAYLOAD_TYPES;
    for (size_t i = 0; i < word.size; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return PAYLOAD_TYPES;
        number = number * 10 + (unsigned)(word.at[i] - '0');
    }
    return number < PAYLOAD_TYPES ? number : PAYLOAD_TYPES;
}

static unsigned place_of_format(const struct relay_sdp_line *line)
{
    for (unsigned i = 0; i < LINES_OF_FORMAT; i++)
        if (relay_span_is(line->name, of_format[i])) {
            struct relay_span rest = line->value;
            unsigned type = payload_type(relay_sdp_word(&rest));
            return type < PAYLOAD_TYPES ? OF_FORMATS + LINES_OF_FORMAT * type + i : STAYS; /* a=rtcp-fb:* is of all */
        }
    return STAYS;
}

bool relay_sdp_is_of_keys(struct relay_span name)
{
    for (size_t i = 0; i < sizeof of_keys / sizeof *of_keys; i++)
        if (relay_span_is(name, of_keys[i]))
            return true;
    return false;
}

/* What is known says nothing on a rejected line. */
static unsigned place_if_rejected(unsigned place) { return place == MID || place == STAYS ? place : GOES; }

static unsigned place_of(const struct relay_sdp_line *line, const struct relay_sdp_local *local, const struct relay_sdp_style *style,
                         bool directed)
{
    struct relay_span name = line->name;
    if (relay_span_is(name, "rtcp") || relay_span_is(name, "rtcp-mux"))
        return GOES;
    if (relay_span_is(name, "rtcp-mux-only"))
        return local->mux ? STAYS : GOES;
    if (relay_sdp_is_direction(name))
        return directed ? GOES : STAYS;
    if (relay_span_is(name, "mid"))
        return local->named ? GOES : MID;
    if (relay_span_is(name, "ptime"))
        return PTIME;
    if (local->rekeyed && relay_sdp_is_of_keys(name))
        return GOES;
    if (relay_span_is(name, "crypto"))
        return KEYS;
    return relay_sdp_is_dropped(line, style) ? GOES : place_of_format(line);
}

static void put_media(struct relay_text *text, const struct relay_sdp_section *section, const struct relay_sdp_local *local)
{
    relay_text_string(text, "m=");
    relay_text_span(text, section->kind);
    relay_text_string(text, " ");
    relay_text_number(text, local->port);
    if (local->port != 0 && local->count > 1) {
        relay_text_string(text, "/");
        relay_text_number(text, local->count);
    }
    relay_text_string(text, " ");
    relay_text_span(text, local->protocol.size > 0 ? local->protocol : section->protocol);
    relay_text_line(text, " ", section->formats);
}

static void put_rtcp(struct relay_text *text, const struct relay_sdp_local *local, const struct relay_sdp_style *style)
{
    relay_text_string(text, "a=rtcp:");
    relay_text_number(text, local->rtcp_port);
    if (style->full_rtcp)
        relay_text_line(text, " ", style->connection);
    else
        relay_text_string(text, "\r\n");
}

static bool put_placed(struct relay_text *text, const struct placed_lines *lines, unsigned place)
{
    bool any = false;
    for (size_t i = 0; i < lines->count; i++)
        if (lines->line[i].place == place) {
            relay_text_line(text, "", lines->line[i].text);
            any = true;
        }
    return any;
}

static void put_format(struct relay_text *text, const struct placed_lines *lines, unsigned type)
{
    unsigned place = OF_FORMATS + LINES_OF_FORMAT * type;
    const char *encoding = relay_sdp_static_encoding(type);
    if (!put_placed(text, lines, place) && encoding != NULL) {
        relay_text_string(text, "a=rtpmap:");
        relay_text_number(text, type);
        relay_text_string(text, " ");
        relay_text_string(text, encoding);
        relay_text_string(text, "\r\n");
    }
    for (unsigned i = 1; i < LINES_OF_FORMAT; i++)
        put_placed(text, lines, place + i);
}

static void put_formats(struct relay_text *text, const struct placed_lines *lines, struct relay_span formats)
{
    bool done[PAYLOAD_TYPES + 1] = {[PAYLOAD_TYPES] = true};
    struct relay_span word;
    while ((word = relay_sdp_word(&formats)).size > 0) {
        unsigned type = payload_type(word);
        if (!done[type])
            put_format(text, lines, type);
        done[type] = true;
    }
}

/* "Hold" is said by direction too where the address is zero: one of the two is what the other party understands. */
static void put_direction(struct relay_text *text, const struct relay_sdp_section *session, const struct relay_sdp_section *section,
                          bool held)
{
    struct relay_span said = section->direction.size > 0 ? section->direction : session->direction;
    if (held && (relay_span_is(said, "recvonly") || relay_span_is(said, "inactive")))
        relay_text_string(text, "a=inactive\r\n");
    else if (held)
        relay_text_string(text, "a=sendonly\r\n");
    else if (said.size == 0)
        relay_text_string(text, "a=sendrecv\r\n");
    else
        relay_text_line(text, "a=", said);
}

/* Writes what stays; all else to ``lines``, but for what goes. */
static void place_lines(const struct relay_sdp_section *section, const struct relay_sdp_local *local,
                        const struct relay_sdp_style *style, bool directed, bool held, struct relay_text *text, struct placed_lines *lines)
{
    struct relay_span rest = section->text, bare;
    struct relay_sdp_line line;
    relay_sdp_next(&rest, &bare); /* the m= line itself */
    while (relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        unsigned place = bare.at[0] == 'a' ? place_of(&line, local, style, directed) : STAYS;
        if (local->port == 0)
            place = place_if_rejected(place);
        if (bare.at[0] == 'c')
            relay_sdp_write_connection(text, style, bare, held);
        else if (place == STAYS || (place != GOES && place >= PTIME && !is_rtp(section->protocol)))
            relay_text_line(text, "", bare);
        else if (place != GOES)
            lines->line[lines->count++] = (struct placed_line){bare, place};
    }
}

void relay_sdp_write_media(const struct relay_sdp_section *session, const struct relay_sdp_section *section,
                           const struct relay_sdp_local *local, const struct relay_sdp_style *style, struct relay_text *text)
{
    struct placed_lines lines;
    bool held = relay_sdp_is_held(session, section);
    bool directed = !style->keep_directions || (held && style->replace_zero);
    lines.count = 0;
    put_media(text, section, local);
    place_lines(section, local, style, directed, held, text, &lines);
    put_placed(text, &lines, MID);
    if (local->mid.size > 0)
        relay_text_line(text, "a=mid:", local->mid);
    if (local->port != 0 && is_rtp(section->protocol))
        put_formats(text, &lines, section->formats);
    if (directed && local->port != 0)
        put_direction(text, session, section, held);
    if (local->port != 0 && local->rtcp_port != 0)
        put_rtcp(text, local, style);
    if (local->mux)
        relay_text_string(text, "a=rtcp-mux\r\n");
    put_placed(text, &lines, KEYS);
    relay_text_span(text, local->keys);
    put_placed(text, &lines, PTIME);
    relay_text_span(text, local->ice);
}
