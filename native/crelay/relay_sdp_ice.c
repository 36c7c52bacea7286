#include "relay_sdp_ice.h"

#include "relay_address.h"

#define LEAST_UFRAG 4
#define LEAST_PASSWORD 22
#define MOST 256

static bool is_ice_text(struct relay_span text, size_t least)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i], letter = c | 0x20;
        if (!((letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return text.size >= least && text.size <= MOST;
}

static bool is_attribute(const struct relay_sdp_line *line, const char *name) { return line->text.at[0] == 'a' && relay_span_is(line->name, name); }

/* What a section says itself. */
static void read_section(const struct relay_sdp_section *section, struct relay_sdp_ice *ice)
{
    struct relay_span rest = section->text, bare;
    struct relay_sdp_line line;
    while (relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE) {
        if (is_attribute(&line, "ice-ufrag"))
            ice->ufrag = line.value;
        else if (is_attribute(&line, "ice-pwd"))
            ice->password = line.value;
        else if (is_attribute(&line, "ice-lite"))
            ice->lite = true;
    }
}

static bool parse_host(struct relay_span host, union relay_address *address)
{
    char text[RELAY_ADDRESS_TEXT];
    if (host.size >= sizeof text)
        return false;
    memcpy(text, host.at, host.size);
    text[host.size] = '\0';
    return relay_address_parse(text, 0, address);
}

static unsigned number_of(struct relay_span word)
{
    unsigned number = 0;
    for (size_t i = 0; i < word.size && i < 6; i++)
        number = word.at[i] >= '0' && word.at[i] <= '9' ? number * 10 + (unsigned)(word.at[i] - '0') : UINT16_MAX + 1;
    return number;
}

/* foundation component transport priority address port ... (section 5.1) */
static bool is_candidate_at(struct relay_span value, const union relay_address *host, unsigned port)
{
    union relay_address at;
    relay_sdp_word(&value);
    const unsigned component = number_of(relay_sdp_word(&value));
    relay_sdp_word(&value);
    relay_sdp_word(&value);
    const struct relay_span address = relay_sdp_word(&value);
    return component == 1 && number_of(relay_sdp_word(&value)) == port && parse_host(address, &at) && relay_address_same(&at, host);
}

static bool has_candidate_at(const struct relay_sdp_section *section, const union relay_address *host)
{
    struct relay_span rest = section->text, bare;
    struct relay_sdp_line line;
    while (relay_sdp_next(&rest, &bare) && relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE)
        if (is_attribute(&line, "candidate") && is_candidate_at(line.value, host, section->port))
            return true;
    return false;
}

/* A name, no address yet, and candidates that are still to come say nothing. */
static bool is_mismatched(const struct relay_sdp_section *session, const struct relay_sdp_section *section)
{
    struct relay_span rest = section->connection.at != NULL ? section->connection : session->connection, word, host = {NULL, 0};
    union relay_address address;
    while ((word = relay_sdp_word(&rest)).size > 0)
        host = word;
    if (session->trickle || section->trickle || section->port == RELAY_SDP_TRICKLED_PORT || host.size == 0 || !parse_host(host, &address) ||
        relay_address_wildcard(&address))
        return false;
    return !has_candidate_at(section, &address);
}

bool relay_sdp_read_ice(const struct relay_sdp *sdp, const struct relay_sdp_section *section, struct relay_sdp_ice *ice)
{
    *ice = (struct relay_sdp_ice){0};
    if (!section->ice && !sdp->section[0].ice)
        return false;
    read_section(&sdp->section[0], ice);
    read_section(section, ice);
    if (!is_ice_text(ice->ufrag, LEAST_UFRAG) || !is_ice_text(ice->password, LEAST_PASSWORD))
        return false;
    ice->mismatch = is_mismatched(&sdp->section[0], section);
    return true;
}
