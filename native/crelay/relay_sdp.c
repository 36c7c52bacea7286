/* A session description taken apart (RFC 8866 section 9). */
#include "relay_sdp.h"

#include <strings.h>

/* The last word of ``rest``, which it is taken off. */
static struct relay_span last_word(struct relay_span *rest)
{
    size_t end = rest->size, start;
    while (end > 0 && relay_is_space(rest->at[end - 1]))
        end--;
    for (start = end; start > 0 && !relay_is_space(rest->at[start - 1]);)
        start--;
    struct relay_span word = {rest->at + start, end - start};
    rest->size = start;
    return word;
}

static bool read_number(struct relay_span text, unsigned most, uint16_t *number)
{
    unsigned value = 0;
    if (text.size == 0 || text.size > 8)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    *number = (uint16_t)value;
    return value <= most;
}

struct relay_span relay_sdp_name(const struct relay_sdp *sdp)
{
    struct relay_span rest = sdp->section[0].text, line;
    while (relay_sdp_next(&rest, &line))
        if (line.size > 0 && line.at[0] == 's')
            return line;
    return (struct relay_span){NULL, 0};
}

bool relay_sdp_is_direction(struct relay_span name)
{
    return relay_span_is(name, "sendrecv") || relay_span_is(name, "sendonly") || relay_span_is(name, "recvonly") ||
           relay_span_is(name, "inactive");
}

static bool is_word(struct relay_span span, const char *word)
{
    return strlen(word) == span.size && strncasecmp(span.at, word, span.size) == 0;
}

/* Odd ids and addresses pass: nothing depends on them. The user name may have blanks, whatever the grammar says. */
static struct relay_sdp_fault read_origin(struct relay_span value, size_t number, struct relay_sdp *sdp)
{
    struct relay_span rest = value;
    sdp->origin = value;
    sdp->address = last_word(&rest);
    struct relay_span address_type = last_word(&rest), net_type = last_word(&rest);
    sdp->version = last_word(&rest);
    sdp->session_id = last_word(&rest);
    while (rest.size > 0 && relay_is_space(rest.at[rest.size - 1]))
        rest.size--;
    sdp->username = rest;
    if (rest.size == 0)
        return (struct relay_sdp_fault){RELAY_SDP_ORIGIN, number, value};
    if (!is_word(net_type, "IN"))
        return (struct relay_sdp_fault){RELAY_SDP_NET_TYPE, number, net_type};
    sdp->family = is_word(address_type, "IP4") ? 4 : is_word(address_type, "IP6") ? 6 : 0;
    if (sdp->family == 0)
        return (struct relay_sdp_fault){RELAY_SDP_ADDRESS_TYPE, number, address_type};
    return (struct relay_sdp_fault){RELAY_SDP_FINE, 0, {NULL, 0}};
}

static struct relay_sdp_fault read_media(struct relay_span value, struct relay_sdp_section *section)
{
    struct relay_span rest = value, port, count = {NULL, 0};
    section->kind = relay_sdp_word(&rest);
    port = relay_sdp_word(&rest);
    section->protocol = relay_sdp_word(&rest);
    while (rest.size > 0 && relay_is_space(rest.at[0]))
        rest = relay_span_from(rest, 1);
    section->formats = rest;
    section->count = 1;
    if (rest.size == 0)
        return (struct relay_sdp_fault){RELAY_SDP_MEDIA, section->number, value};
    const char *slash = memchr(port.at, '/', port.size);
    if (slash != NULL) {
        count = relay_span_from(port, (size_t)(slash + 1 - port.at));
        port.size = (size_t)(slash - port.at);
    }
    if (!read_number(port, UINT16_MAX, &section->port))
        return (struct relay_sdp_fault){RELAY_SDP_PORT, section->number, port};
    if (slash != NULL && (!read_number(count, 999, &section->count) || section->count == 0))
        return (struct relay_sdp_fault){RELAY_SDP_COUNT, section->number, count};
    return (struct relay_sdp_fault){RELAY_SDP_FINE, 0, {NULL, 0}};
}

static struct relay_span stripped(struct relay_span span)
{
    while (span.size > 0 && relay_is_space(span.at[0]))
        span = relay_span_from(span, 1);
    while (span.size > 0 && relay_is_space(span.at[span.size - 1]))
        span.size--;
    return span;
}

/* The value of a=rtcp stands where its connection is to stand alone. */
static struct relay_sdp_fault read_rtcp(struct relay_sdp_section *section)
{
    struct relay_span value = stripped(section->rtcp), port = value;
    const char *blank = memchr(value.at, ' ', value.size);
    if (blank != NULL)
        port.size = (size_t)(blank - value.at);
    if (!read_number(port, UINT16_MAX, &section->rtcp_port))
        return (struct relay_sdp_fault){RELAY_SDP_RTCP_PORT, section->rtcp_line, port};
    section->rtcp = stripped(relay_span_from(value, port.size));
    return (struct relay_sdp_fault){RELAY_SDP_FINE, 0, {NULL, 0}};
}

/* RFC 8866 section 5.7: a c= line at session level or in every media description; we need none for port 0. */
static struct relay_sdp_fault finish_media(struct relay_sdp *sdp)
{
    struct relay_sdp_fault fault = {RELAY_SDP_FINE, 0, {NULL, 0}};
    for (size_t i = 1; i < sdp->sections && fault.problem == RELAY_SDP_FINE; i++) {
        struct relay_sdp_section *section = &sdp->section[i];
        if (section->rtcp.at != NULL)
            fault = read_rtcp(section);
        if (fault.problem == RELAY_SDP_FINE && section->port != 0 && section->connection.at == NULL && sdp->section[0].connection.at == NULL)
            fault = (struct relay_sdp_fault){RELAY_SDP_UNREACHABLE, section->number, section->kind};
    }
    return fault;
}

static bool has_word(struct relay_span words, const char *word)
{
    struct relay_span found;
    while ((found = relay_sdp_word(&words)).size > 0)
        if (is_word(found, word))
            return true;
    return false;
}

static void note(struct relay_sdp_section *section, const struct relay_sdp_line *line, size_t number, bool of_media)
{
    if (line->text.at[0] == 'c' && section->connection.at == NULL) {
        section->connection = line->value;
        section->connection_line = number;
    }
    if (line->text.at[0] != 'a')
        return;
    if (relay_sdp_is_direction(line->name))
        section->direction = line->name;
    if (of_media && relay_span_is(line->name, "rtcp")) {
        section->rtcp = line->value;
        section->rtcp_line = number;
    }
    if (of_media && relay_span_is(line->name, "mid"))
        section->mid = line->value;
    section->fingerprint |= relay_span_is(line->name, "fingerprint");
    section->crypto |= relay_span_is(line->name, "crypto");
    section->ice |= relay_span_is(line->name, "ice-ufrag");
    section->trickle |= relay_span_is(line->name, "ice-options") && has_word(line->value, "trickle");
    section->mux |= relay_span_is(line->name, "rtcp-mux") || relay_span_is(line->name, "rtcp-mux-only");
}

static struct relay_sdp_fault begin_section(struct relay_sdp *sdp, const struct relay_sdp_line *line, size_t number)
{
    if (sdp->sections > RELAY_SDP_MAX_MEDIA)
        return (struct relay_sdp_fault){RELAY_SDP_MANY_MEDIA, number, line->text};
    struct relay_sdp_section *section = &sdp->section[sdp->sections++];
    *section = (struct relay_sdp_section){.text = {line->text.at, 0}, .number = number};
    return number == 1 ? (struct relay_sdp_fault){RELAY_SDP_FINE, 0, {NULL, 0}} : read_media(line->value, section);
}

static struct relay_sdp_fault take_line(struct relay_sdp *sdp, const struct relay_sdp_line *line, bool *has_origin)
{
    struct relay_sdp_fault fault = {RELAY_SDP_FINE, 0, {NULL, 0}};
    size_t number = ++sdp->lines;
    bool media = number > 1 && line->text.at[0] == 'm';
    if (number == 1 || media)
        fault = begin_section(sdp, line, number);
    if (number == 1 && !relay_span_is(line->text, "v=0"))
        return (struct relay_sdp_fault){RELAY_SDP_VERSION, 1, line->text};
    if (number > 1 && relay_span_is(line->name, "v=")) /* RFC 3264 section 5: exactly one description */
        return (struct relay_sdp_fault){RELAY_SDP_SECOND, number, line->text};
    if (fault.problem != RELAY_SDP_FINE)
        return fault;
    struct relay_sdp_section *section = &sdp->section[sdp->sections - 1];
    if (sdp->sections == 1 && !*has_origin && line->text.at[0] == 'o') {
        *has_origin = true;
        fault = read_origin(line->value, number, sdp);
    }
    note(section, line, number, sdp->sections > 1);
    section->text.size = (size_t)(line->text.at + line->text.size - section->text.at);
    section->end = number + 1;
    return fault;
}

struct relay_sdp_fault relay_sdp_read(struct relay_span body, struct relay_sdp *sdp)
{
    struct relay_span rest = relay_sdp_trim(body), text;
    struct relay_sdp_fault fault = {RELAY_SDP_FINE, 0, {NULL, 0}};
    bool has_origin = false;
    sdp->sections = sdp->lines = 0;
    while (fault.problem == RELAY_SDP_FINE && relay_sdp_next(&rest, &text)) {
        struct relay_sdp_line line;
        enum relay_sdp_problem problem = relay_sdp_read_line(text, &line);
        if (problem != RELAY_SDP_FINE)
            return (struct relay_sdp_fault){problem, sdp->lines + 1, text};
        if (sdp->lines >= RELAY_SDP_MAX_LINES)
            return (struct relay_sdp_fault){RELAY_SDP_LONG, 0, text};
        fault = take_line(sdp, &line, &has_origin);
    }
    if (fault.problem == RELAY_SDP_FINE && sdp->lines == 0)
        fault.problem = RELAY_SDP_EMPTY;
    else if (fault.problem == RELAY_SDP_FINE && !has_origin)
        fault = (struct relay_sdp_fault){RELAY_SDP_NO_ORIGIN, 0, {NULL, 0}};
    return fault.problem == RELAY_SDP_FINE ? finish_media(sdp) : fault;
}
