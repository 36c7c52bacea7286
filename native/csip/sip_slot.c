/* A look for one header, without a scan of the others. */
#include "sip_slot.h"

#include "sip_chars.h"
#include "sip_names.h"

#define MAX_USER_BYTES 512

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

/* What ends a user in a URI; "@" and ":" end a host without one. */
static bool ends_user(char c) { return c == '@' || c == ':' || c == ';' || c == '>' || c == '?' || is_blank(c); }

/* The byte at `*at`, which goes on behind it: what is escaped means the same (RFC 3261 section 19.1.4). */
static char next_byte(const char **at, const char *end) {
    const char *digits = *at + 1;
    uint32_t byte;
    if (**at == '%' && end - digits >= 2 && sip_hex((struct sip_slice){digits, 2}, &byte)) {
        *at = digits + 2;
        return (char)byte;
    }
    return *(*at)++;
}

/* The user in the URI of a To value, as far as it can be told without its grammar. The host does not matter: an alias or a port
 * makes no other address-of-record of it. In lower case, since users who differ by nothing else may well share a process. */
static struct sip_slice user_of(struct sip_slice to, char out[MAX_USER_BYTES]) {
    const char *open = memchr(to.at, '<', to.size), *end = to.at + to.size, *at = open ? open + 1 : to.at;
    const char *colon = memchr(at, ':', (size_t)(end - at));
    size_t size = 0;
    if (colon) at = colon + 1;
    while (at < end && size < MAX_USER_BYTES) {
        char byte = next_byte(&at, end);
        if (ends_user(byte)) break;
        out[size++] = sip_lower(byte);
    }
    return (struct sip_slice){out, size};
}

int64_t sip_call_slot(struct sip_slice message) {
    static const struct sip_slice registration = SIP_TEXT("REGISTER ");
    char user[MAX_USER_BYTES];
    struct sip_slice value;
    while (message.size && (*message.at == '\r' || *message.at == '\n')) message.at++, message.size--;
    bool registers = message.size > registration.size && !memcmp(message.at, registration.at, registration.size);
    if (!find(message, registers ? SIP_TO : SIP_CALL_ID, &value)) return -1;
    return sip_crc32(registers ? user_of(value, user) : value);
}
