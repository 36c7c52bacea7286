#include "sip_names.h"

#include "sip_chars.h"

#define LONGEST 32

static const struct sip_slice texts[SIP_NAME_COUNT] = {
    {"", 0},
#define SIP_NAME(id, name) SIP_TEXT(name),
    SIP_NAMES
#undef SIP_NAME
};

static const uint8_t compact_forms[26] = {
    ['a' - 'a'] = SIP_ACCEPT_CONTACT,
    ['b' - 'a'] = SIP_REFERRED_BY,
    ['c' - 'a'] = SIP_CONTENT_TYPE,
    ['d' - 'a'] = SIP_REQUEST_DISPOSITION,
    ['e' - 'a'] = SIP_CONTENT_ENCODING,
    ['f' - 'a'] = SIP_FROM,
    ['i' - 'a'] = SIP_CALL_ID,
    ['j' - 'a'] = SIP_REJECT_CONTACT,
    ['k' - 'a'] = SIP_SUPPORTED,
    ['l' - 'a'] = SIP_CONTENT_LENGTH,
    ['m' - 'a'] = SIP_CONTACT,
    ['n' - 'a'] = SIP_IDENTITY_INFO,
    ['o' - 'a'] = SIP_EVENT,
    ['r' - 'a'] = SIP_REFER_TO,
    ['s' - 'a'] = SIP_SUBJECT,
    ['t' - 'a'] = SIP_TO,
    ['u' - 'a'] = SIP_ALLOW_EVENTS,
    ['v' - 'a'] = SIP_VIA,
    ['x' - 'a'] = SIP_SESSION_EXPIRES,
    ['y' - 'a'] = SIP_IDENTITY,
};

/* first_like[size][letter]: the first id whose name is that long and begins with that letter, or 0; those like it follow it. */
static uint8_t first_like[LONGEST + 1][32];

static uint8_t *first_like_this(struct sip_slice name) { return &first_like[name.size][*name.at & 31]; }

__attribute__((constructor)) static void index_names(void) {
    for (unsigned id = SIP_NAME_COUNT - 1; id > 0; id--) *first_like_this(texts[id]) = (uint8_t)id;
}

static bool same_eight(const char *a, const char *b) {
    uint64_t one, two;
    memcpy(&one, a, 8);
    memcpy(&two, b, 8);
    return !((one ^ two) & ~UINT64_C(0x2020202020202020));
}

static bool same_four(const char *a, const char *b) {
    uint32_t one, two;
    memcpy(&one, a, 4);
    memcpy(&two, b, 4);
    return !((one ^ two) & ~UINT32_C(0x20202020));
}

/* Token characters that agree in all bits but 0x20 with a letter, digit or "-" are that character in another case. */
static bool same_name(const char *a, const char *b, size_t size) {
    for (; size > 16; a += 8, b += 8, size -= 8)
        if (!same_eight(a, b)) return false;
    if (size >= 8) return same_eight(a, b) && same_eight(a + size - 8, b + size - 8);
    if (size >= 4) return same_four(a, b) && same_four(a + size - 4, b + size - 4);
    for (size_t i = 0; i < size; i++)
        if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
    return true;
}

enum sip_name sip_name_find(struct sip_slice name) {
    if (name.size == 1) {
        char letter = sip_lower(*name.at);
        return letter >= 'a' && letter <= 'z' ? compact_forms[letter - 'a'] : SIP_OTHER;
    }
    if (name.size > LONGEST) return SIP_OTHER;
    for (unsigned id = *first_like_this(name); id && id < SIP_NAME_COUNT && texts[id].size == name.size; id++)
        if (same_name(texts[id].at, name.at, name.size)) return id;
    return SIP_OTHER;
}

struct sip_slice sip_name_text(enum sip_name id) { return texts[id]; }
