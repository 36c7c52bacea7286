/* Error texts, reason phrases, and sums of texts. */
#include "sip_base.h"

static const char *const error_texts[SIP_ERROR_COUNT] = {
    [SIP_OK] = "fine",
    [SIP_INCOMPLETE] = "incomplete",
    [SIP_NO_MEMORY] = "out of memory",
    [SIP_TOO_LARGE] = "message too large",
    [SIP_EMPTY] = "empty message",
    [SIP_NOT_SIP] = "not a SIP start line",
    [SIP_BAD_START_LINE] = "bad start line",
    [SIP_BAD_STATUS] = "bad status code",
    [SIP_BAD_HEADER_LINE] = "bad header line",
    [SIP_BARE_CR] = "bare CR in a line",
    [SIP_TOO_MANY_HEADERS] = "too many headers",
    [SIP_LINE_TOO_LONG] = "line too long",
    [SIP_HEADERS_NOT_ENDED] = "headers not ended",
    [SIP_BODY_TOO_SHORT] = "longer than the body",
    [SIP_BAD_VERSION] = "SIP version not supported",
    [SIP_MISSING] = "missing",
    [SIP_REPEATED] = "repeated",
    [SIP_METHOD_MISMATCH] = "method is not the request's",
    [SIP_NOT_A_NUMBER] = "not a number",
    [SIP_OUT_OF_RANGE] = "out of range",
    [SIP_BAD_TOKEN] = "not a token",
    [SIP_BAD_QUOTED_STRING] = "bad quoted string",
    [SIP_BAD_BRACKETS] = "bad <>",
    [SIP_BAD_PARAMETER] = "bad parameter",
    [SIP_BAD_SCHEME] = "bad URI scheme",
    [SIP_BAD_USER] = "bad user part",
    [SIP_BAD_HOST] = "bad host",
    [SIP_BAD_PORT] = "bad port",
    [SIP_BAD_ESCAPE] = "bad escape",
    [SIP_BAD_URI_HEADERS] = "bad URI headers",
    [SIP_UNBRACKETED_URI] = "URI needs <>",
    [SIP_BAD_CHARACTER] = "bad character",
    [SIP_CONFLICT] = "conflicting values",
};

const char *sip_error_text(enum sip_error error) { return error_texts[error]; }

int sip_error_status(enum sip_error error) {
    switch (error) {
    case SIP_TOO_LARGE: return 513;
    case SIP_BAD_VERSION: return 505;
    default: return 400;
    }
}

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {199, "Early Dialog Terminated"},
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Notification"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {412, "Conditional Request Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {417, "Unknown Resource-Priority"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {424, "Bad Location Information"},
    {425, "Bad Alert Message"},
    {428, "Use Identity Header"},
    {429, "Provide Referrer Identity"},
    {430, "Flow Failed"},
    {433, "Anonymity Disallowed"},
    {436, "Bad Identity Info"},
    {437, "Unsupported Credential"},
    {438, "Invalid Identity Header"},
    {439, "First Hop Lacks Outbound Support"},
    {440, "Max-Breadth Exceeded"},
    {469, "Bad Info Package"},
    {470, "Consent Needed"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {489, "Bad Event"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {494, "Security Agreement Required"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {555, "Push Notification Service Not Supported"},
    {580, "Precondition Failure"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
    {607, "Unwanted"},
    {608, "Rejected"},
};

const char *sip_reason_phrase(int status) {
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status) return phrases[i].phrase;
    /* RFC 3261 section 8.1.3.2: an unknown code means its class's x00; 183 for 1xx */
    int of_class = status < 200 ? 183 : status / 100 * 100;
    return of_class == status ? "Unknown" : sip_reason_phrase(of_class);
}

/* crc_tables[n][byte]: what the byte, and n more behind it that are 0, make of an empty sum. */
static uint32_t crc_tables[4][256];

__attribute__((constructor)) static void make_crc_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        crc_tables[0][byte] = crc;
    }
    for (int n = 1; n < 4; n++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = crc_tables[n - 1][byte];
            crc_tables[n][byte] = before >> 8 ^ crc_tables[0][before & 255];
        }
}

/* Four bytes at a time, as nearly all that is hashed is longer. */
uint32_t sip_crc32(struct sip_slice text) {
    const unsigned char *p = (const unsigned char *)text.at, *end = p + text.size;
    uint32_t crc = 0xffffffff;
    for (; end - p >= 4; p += 4) {
        crc ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = crc_tables[3][crc & 255] ^ crc_tables[2][crc >> 8 & 255] ^ crc_tables[1][crc >> 16 & 255] ^ crc_tables[0][crc >> 24];
    }
    for (; p < end; p++) crc = crc >> 8 ^ crc_tables[0][(crc ^ *p) & 255];
    return ~crc;
}

static uint64_t mixed(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

uint64_t sip_spread(struct sip_slice text) {
    uint64_t sum = text.size, word = 0;
    size_t i = 0;
    for (; i + sizeof word <= text.size; i += sizeof word) {
        memcpy(&word, text.at + i, sizeof word);
        sum = mixed(sum, word);
    }
    word = 0;
    if (i < text.size) memcpy(&word, text.at + i, text.size - i);
    return mixed(sum, word);
}
