/* Fuzz target: session descriptions, which parties write and proxies pass on as they came.
 *
 * Invariants: what is read lies in the body, and a fault names a line of it; what is written is read again, with our ports and addresses in
 * place of the sender's and nothing of ICE; written once more it stays the same.
 *
 * Input: a byte of style, a byte of what is announced, the body.
 */
#include <stdlib.h>

#include "../check.h"
#include "relay_sdp_write.h"

enum { FULL_RTCP = 1, REPLACE_ZERO = 2, KEEP_DIRECTIONS = 4, STRIP_EXTMAP = 8, SIX = 16, ORIGIN = 32, OWN_ORIGIN = 64 };
enum { MUX = 1, NO_RTCP = 2, REKEYED = 4, REJECTED = 8 };

static struct relay_span span_of(const char *text) { return (struct relay_span){text, strlen(text)}; }

static void inside(struct relay_span part, struct relay_span whole)
{
    if (part.size > 0)
        CHECK(part.at >= whole.at && part.at + part.size <= whole.at + whole.size);
}

static void check_read(const struct relay_sdp *sdp, struct relay_span body)
{
    CHECK(sdp->sections >= 1 && sdp->sections <= 1 + RELAY_SDP_MAX_MEDIA && sdp->lines <= RELAY_SDP_MAX_LINES);
    for (size_t i = 0; i < sdp->sections; i++) {
        const struct relay_sdp_section *section = &sdp->section[i];
        const struct relay_span parts[] = {section->text, section->connection, section->direction, section->kind, section->protocol,
                                           section->formats, section->mid, section->rtcp};
        for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
            inside(parts[part], body);
        CHECK(section->number <= section->end && section->end <= sdp->lines + 1);
        CHECK(i == 0 || section->count >= 1);
    }
}

/* What we announce for a section; one without a port needs no address. */
static unsigned port_for(const struct relay_sdp *sdp, size_t section, uint8_t announced)
{
    bool rejected = sdp->section[section].port == 0 || (announced & REJECTED && section % 2 == 0);
    return rejected ? 0 : 30000 + 2 * (unsigned)section;
}

static void put_origin(const struct relay_sdp *sdp, uint8_t choices, const struct relay_text *text, size_t origin, struct relay_span ours,
                       struct relay_text *whole)
{
    struct relay_announced told = {.session_id = 7};
    unsigned how = choices & OWN_ORIGIN ? RELAY_WRITE_OWN_ORIGIN : RELAY_WRITE_ORIGIN | RELAY_WRITE_VERSION | RELAY_WRITE_USERNAME;
    relay_sdp_count_version(&told, sdp, text, origin, how);
    if (choices & (ORIGIN | OWN_ORIGIN))
        relay_sdp_put_origin(whole, sdp, &told, sdp->username, ours, how);
    else
        relay_text_line(whole, "o=", sdp->origin);
}

static void write_body(const struct relay_sdp *sdp, uint8_t choices, uint8_t announced, struct relay_text *whole)
{
    struct relay_sdp_local locals[RELAY_SDP_MAX_MEDIA] = {0};
    struct relay_sdp_style style = {
        .connection = span_of(choices & SIX ? "IN IP6 2001:db8::1" : "IN IP4 192.0.2.1"), .family = choices & SIX ? 6 : 4,
        .full_rtcp = choices & FULL_RTCP, .replace_zero = choices & REPLACE_ZERO, .keep_directions = choices & KEEP_DIRECTIONS,
        .strip_extmap = choices & STRIP_EXTMAP,
    };
    struct relay_text text = {0};
    size_t origin;
    for (size_t i = 0; i + 1 < sdp->sections; i++) {
        unsigned port = port_for(sdp, i + 1, announced);
        locals[i] = (struct relay_sdp_local){.port = port, .count = 1, .rtcp_port = announced & NO_RTCP ? 0 : port + 1, .mux = announced & MUX};
        if (announced & REKEYED) {
            locals[i].rekeyed = true;
            locals[i].keys = span_of("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n");
        }
    }
    relay_sdp_write(sdp, locals, &style, &text, &origin);
    CHECK(!text.failed && origin <= text.size);
    relay_text_put(whole, text.data, origin);
    put_origin(sdp, choices, &text, origin, style.connection, whole);
    relay_text_put(whole, text.data + origin, text.size - origin);
    CHECK(!whole->failed);
    free(text.data);
}

/* Of a body that we wrote. */
static void check_lines(const struct relay_sdp *sdp, const struct relay_sdp *received, uint8_t announced)
{
    static const struct relay_sdp_style nothing_more;
    for (size_t i = 0; i < sdp->sections; i++) {
        struct relay_span rest = sdp->section[i].text, bare;
        struct relay_sdp_line line;
        while (relay_sdp_next(&rest, &bare)) {
            CHECK(relay_sdp_read_line(bare, &line) == RELAY_SDP_FINE);
            CHECK(!relay_sdp_is_dropped(&line, &nothing_more));
        }
        CHECK(i == 0 || sdp->section[i].port == port_for(received, i, announced));
    }
}

static void pass_on(const struct relay_sdp *sdp, uint8_t choices, uint8_t announced)
{
    struct relay_text written[3] = {0};
    struct relay_sdp again = *sdp;
    for (int turn = 0; turn < 3; turn++) {
        write_body(&again, choices, announced, &written[turn]);
        struct relay_span body = {written[turn].data, written[turn].size};
        CHECK(relay_sdp_read(body, &again).problem == RELAY_SDP_FINE && again.sections == sdp->sections);
        check_read(&again, body);
        check_lines(&again, sdp, announced);
    }
    CHECK(written[2].size == written[1].size && memcmp(written[2].data, written[1].data, written[1].size) == 0);
    for (int turn = 0; turn < 3; turn++)
        free(written[turn].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct relay_sdp sdp;
    if (size < 2)
        return 0;
    char *exact = malloc(size - 2 + 1); /* so that the sanitizer sees a read beyond it */
    CHECK(exact != NULL);
    memcpy(exact + 1, data + 2, size - 2);
    struct relay_span body = {exact + 1, size - 2};
    struct relay_sdp_fault fault = relay_sdp_read(relay_sdp_trim(body), &sdp);
    if (fault.problem == RELAY_SDP_FINE) {
        check_read(&sdp, body);
        pass_on(&sdp, data[0], data[1]);
    } else {
        inside(fault.what, body);
        CHECK(fault.line <= size);
    }
    free(exact);
    return 0;
}
