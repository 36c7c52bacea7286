/* The o= line we send to one party (RFC 8866 section 5.2, RFC 3264 section 8): its version is ours when it is asked for, and grows when
 * the body changes. */
#include "relay_sdp_write.h"

#include <stdio.h>

#define MOST_VERSION_DIGITS 17

/* What the sender says first stays; 1 for what can't grow. */
static long long first_version(struct relay_span said)
{
    long long version = 0;
    if (said.size == 0 || said.size > MOST_VERSION_DIGITS)
        return 1;
    for (size_t i = 0; i < said.size; i++) {
        if (said.at[i] < '0' || said.at[i] > '9')
            return 1;
        version = version * 10 + (said.at[i] - '0');
    }
    return version > 0 ? version : 1;
}

/* Where the sender takes media: whoever asks for the version to be ours sees it grow with that too, though we stay. */
static uint64_t hash_places(const struct relay_sdp *sdp, uint64_t hash)
{
    for (size_t i = 0; i < sdp->sections; i++) {
        struct relay_span port = {(const char *)&sdp->section[i].port, sizeof sdp->section[i].port};
        hash = relay_text_hash(port, relay_text_hash(sdp->section[i].connection, hash));
    }
    return hash;
}

void relay_sdp_count_version(struct relay_announced *announced, const struct relay_sdp *sdp, const struct relay_text *text, size_t origin,
                             unsigned how)
{
    struct relay_span head = {text->data, origin}, tail = {text->data + origin, text->size - origin};
    uint64_t hash = relay_text_hash(tail, relay_text_hash(head, 0));
    if (how & RELAY_WRITE_VERSION)
        hash = hash_places(sdp, hash);
    if (announced->version == 0)
        announced->version = first_version(sdp->version);
    else if (how & RELAY_WRITE_NEXT_VERSION || hash != announced->body_hash)
        announced->version++;
    announced->body_hash = hash;
}

static void put_word(struct relay_text *text, struct relay_span word)
{
    relay_text_span(text, word);
    relay_text_string(text, " ");
}

void relay_sdp_put_origin(struct relay_text *text, const struct relay_sdp *sdp, const struct relay_announced *announced,
                          struct relay_span username, struct relay_span ours, unsigned how)
{
    char number[48];
    if (how & RELAY_WRITE_OWN_ORIGIN) {
        snprintf(number, sizeof number, "o=- %lld %lld ", announced->session_id, announced->version);
        relay_text_line(text, number, ours);
        return;
    }
    relay_text_string(text, "o=");
    put_word(text, how & RELAY_WRITE_USERNAME ? username : sdp->username);
    put_word(text, sdp->session_id);
    snprintf(number, sizeof number, "%lld ", announced->version);
    if (how & (RELAY_WRITE_VERSION | RELAY_WRITE_NEXT_VERSION))
        relay_text_string(text, number);
    else
        put_word(text, sdp->version);
    if (how & RELAY_WRITE_ORIGIN)
        relay_text_line(text, "", ours);
    else
        relay_text_line(text, sdp->family == 6 ? "IN IP6 " : "IN IP4 ", sdp->address);
}
