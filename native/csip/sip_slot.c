/* A look for one header, without a scan of the others. */
#include "sip_slot.h"

#include "sip_chars.h"
#include "sip_names.h"

#define MAX_AOR_BYTES 512

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct sip_slice trimmed(const char *at, const char *end) {
    while (at < end && is_blank(*at)) at++;
    while (end > at && is_blank(end[-1])) end--;
    return sip_slice_of(at, end);
}

/* End of the header line at `at`, lines that continue it included. */
static const char *line_end(const char *at, const char *end) {
    for (;;) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf) return end;
        at = lf + 1;
        if (at == end || !sip_is_space(*at)) return at;
    }
}

static bool find(struct sip_slice message, enum sip_name id, struct sip_slice *value) {
    const char *end = message.at + message.size, *at = line_end(message.at, end);
    for (const char *next; at < end && *at != '\r' && *at != '\n'; at = next) {
        next = line_end(at, end);
        const char *colon = at;
        while (colon < next && sip_is(*colon, SIP_CHAR_TOKEN)) colon++;
        struct sip_slice name = sip_slice_of(at, colon);
        while (colon < next && sip_is_space(*colon)) colon++;
        if (name.size && colon < next && *colon == ':' && sip_name_find(name) == id) {
            *value = trimmed(colon + 1, next);
            return true;
        }
    }
    return false;
}

/* user@host of the URI in a To value, as far as it can be told without its grammar; in lower case, since that of the host does
 * not matter, and users who differ by nothing else may well share a process. */
static struct sip_slice aor_of(struct sip_slice to, char out[MAX_AOR_BYTES]) {
    const char *open = memchr(to.at, '<', to.size), *end = to.at + to.size, *at = open ? open + 1 : to.at;
    const char *colon = memchr(at, ':', (size_t)(end - at));
    size_t size = 0;
    if (colon) at = colon + 1;
    for (; at < end && size < MAX_AOR_BYTES && *at != '>' && *at != ';' && *at != '?' && !is_blank(*at); at++)
        out[size++] = sip_lower(*at);
    return (struct sip_slice){out, size};
}

int64_t sip_call_slot(struct sip_slice message) {
    static const struct sip_slice registration = SIP_TEXT("REGISTER ");
    char aor[MAX_AOR_BYTES];
    struct sip_slice value;
    while (message.size && (*message.at == '\r' || *message.at == '\n')) message.at++, message.size--;
    bool registers = message.size > registration.size && !memcmp(message.at, registration.at, registration.size);
    if (!find(message, registers ? SIP_TO : SIP_CALL_ID, &value)) return -1;
    return sip_crc32(registers ? aor_of(value, aor) : value);
}
