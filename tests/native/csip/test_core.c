/* A message through everything the core does with it, then again with the n-th allocation failing: each failure is told,
 * leaves the message as it was, and nothing stays allocated. */
#include <string.h>

#include "../check.h"
#include "sip_forward.h"
#include "sip_mac.h"
#include "sip_ng.h"
#include "sip_refuse.h"
#include "sip_chars.h"
#include "sip_timers.h"

static int calls, failing; /* failing 0: none */
static bool exhausted;      /* all fail */
static long allocated;

void *__real_malloc(size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);

void *__wrap_malloc(size_t size) {
    void *memory = exhausted || ++calls == failing ? NULL : __real_malloc(size);
    allocated += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *old, size_t size) {
    void *memory = exhausted || ++calls == failing ? NULL : __real_realloc(old, size);
    allocated += memory != NULL && old == NULL;
    return memory;
}

void __wrap_free(void *memory) {
    allocated -= memory != NULL;
    __real_free(memory);
}

static const char invite[] =
    "INVITE sip:bob@example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport,\r\n SIP/2.0/UDP b\r\n"
    "Route: <sip:p;lr>, <sip:q;lr>\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\nbody";

/* More lines than a message has room for in itself. */
#define FIVE_LINES "X-A: 1\r\nX-B: 2\r\nX-C: 3\r\nX-D: 4\r\nX-E: 5\r\n"
static const char long_invite[] =
    "INVITE sip:bob@example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP a;branch=z9hG4bK1;rport\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
    FIVE_LINES FIVE_LINES FIVE_LINES FIVE_LINES FIVE_LINES "\r\nbody";

/* Which step failed for want of memory, 0 for none. What the message was before that step, it still is. */
static bool unchanged(const struct sip_message *message, const char *before, size_t size) {
    static char after[8192];
    CHECK(sip_written_size(message, false) == size);
    sip_write(message, false, after);
    return memcmp(after, before, size) == 0;
}

static enum sip_error step(struct sip_message *message, int number) {
    char value[64];
    struct sip_slice long_value = {value, sizeof value};
    memset(value, 'x', sizeof value);
    switch (number % 8) {
    case 0: return sip_push(message, sip_want(SIP_TEXT("Via")), SIP_TEXT("SIP/2.0/UDP us;branch=z9hG4bKus;rport"));
    case 1: return sip_stamp_via(message, SIP_TEXT("192.0.2.1"), 5060).error;
    case 2: return sip_push(message, sip_want(SIP_TEXT("Record-Route")), SIP_TEXT("<sip:us;lr>"));
    case 3: return sip_set_uri(message, SIP_TEXT("sip:new@example.com"));
    case 4: return sip_append(message, sip_want(SIP_TEXT("Route")), SIP_TEXT("<sip:r;lr>"));
    case 5: return sip_pop_first(message, SIP_ROUTE);
    case 6: return sip_pop_last(message, SIP_ROUTE);
    default: return sip_set(message, sip_want(SIP_TEXT("X-Filler")), long_value);
    }
}

static bool edit_all(struct sip_message *message) {
    static char before[8192];
    for (int number = 0; number < 48; number++) {
        size_t size = sip_written_size(message, false);
        CHECK(size < sizeof before);
        sip_write(message, false, before);
        enum sip_error error = step(message, number);
        if (error == SIP_OK || error == SIP_MISSING) continue;
        CHECK(error == SIP_NO_MEMORY);
        CHECK(unchanged(message, before, size));
        return false;
    }
    return true;
}

static bool build_all(const struct sip_message *message) {
    struct sip_buffer out = {.at = NULL};
    sip_add_reply(&out, message, 200, SIP_TEXT("OK"), SIP_TEXT("tag"));
    sip_add_body(&out, SIP_TEXT("body"));
    bool built = !out.failed && sip_add_derived(&out, message, SIP_TEXT("ACK")).error == SIP_OK &&
                 sip_add_server_key(&out, message, SIP_TEXT("INVITE")).error == SIP_OK &&
                 sip_add_client_key(&out, message).error == SIP_OK;
    CHECK(built == !out.failed);
    sip_buffer_free(&out);
    return built;
}

static bool forward(const struct sip_message *message) {
    static const uint8_t key[SIP_MAC_KEY_BYTES];
    struct sip_message next;
    struct sip_scratch scratch;
    struct sip_slice value;
    struct sip_buffer out = {.at = NULL};
    struct sip_fault fault = sip_forward(&next, message, SIP_TEXT("sip:next@example.com"), 70, 60);
    if (fault.error == SIP_OK) sip_message_free(&next);
    CHECK(sip_route_param(message, SIP_TEXT("c"), &scratch, &value).error == SIP_OK);
    sip_add_branch(&out, key, &(struct sip_branch){.prefix = SIP_TEXT("z9hG4bK0."), .identity = SIP_TEXT("identity")});
    bool built = !out.failed;
    sip_buffer_free(&out);
    return fault.error == SIP_OK && built;
}

static bool refuse(struct sip_message *message) {
    struct sip_buffer out = {.at = NULL};
    enum sip_error error = sip_add_refusal(&out, message, SIP_TEXT("192.0.2.1"), 5060, SIP_TEXT("key"), 5).error;
    CHECK(error == SIP_OK || error == SIP_NO_MEMORY);
    sip_buffer_free(&out);
    return error == SIP_OK;
}

/* True when nothing failed. */
static bool run_long(void) {
    struct sip_message message, copy;
    char text[SIP_OWN_TEXT + 1];
    struct sip_slice long_value = {text, sizeof text};
    memset(text, 'x', sizeof text);
    enum sip_error error = sip_message_scan(&message, long_invite, sizeof long_invite - 1).error, copied = SIP_NO_MEMORY;
    CHECK(error == SIP_OK || error == SIP_NO_MEMORY);
    if (error == SIP_OK) error = sip_set(&message, sip_want(SIP_TEXT("X-F")), long_value);
    if (error == SIP_OK) copied = sip_message_copy(&copy, &message);
    if (copied == SIP_OK) {
        CHECK(copy.lines != message.lines && copy.text != message.text && copy.line_count == 31 && copy.text_size == message.text_size);
        sip_message_free(&copy);
    }
    sip_message_free(&message);
    CHECK(allocated == 0);
    return copied == SIP_OK;
}

/* What was read of a line that came stays known when others change or move, and of one that changed it is read anew. */
static void what_is_known_outlives_edits_of_others(void) {
    struct sip_message message, copy;
    struct sip_scratch scratch;
    struct sip_slice tag;
    struct sip_via via;
    CHECK(sip_message_scan(&message, invite, sizeof invite - 1).error == SIP_OK);
    CHECK(sip_stamp_via(&message, SIP_TEXT("192.0.2.1"), 5060).error == SIP_OK);
    CHECK(sip_read_tag(&message, SIP_FROM, &scratch, &tag).error == SIP_OK && sip_read_via(&message, &scratch, &via).error == SIP_OK);
    CHECK(sip_message_copy(&copy, &message) == SIP_OK);
    sip_message_free(&message);
    CHECK(copy.known.from && !copy.known.via);
    CHECK(sip_read_tag(&copy, SIP_FROM, &scratch, &tag).error == SIP_OK && sip_same(tag, SIP_TEXT("1")));
    CHECK(sip_read_via(&copy, &scratch, &via).error == SIP_OK && sip_same(via.received, SIP_TEXT("192.0.2.1")));
    CHECK(sip_set(&copy, sip_want(SIP_TEXT("From")), SIP_TEXT("<sip:a@b>;tag=2")) == SIP_OK);
    CHECK(sip_read_tag(&copy, SIP_FROM, &scratch, &tag).error == SIP_OK && sip_same(tag, SIP_TEXT("2")));
    sip_message_free(&copy);
    CHECK(allocated == 0);
}

/* True when nothing failed. */
static bool run(void) {
    struct sip_message message, copy;
    bool fine = false;
    struct sip_fault fault = sip_message_scan(&message, invite, sizeof invite - 1);
    if (fault.error == SIP_OK) {
        uint32_t traits;
        CHECK(sip_check(&message, &traits).error == SIP_OK && traits == (SIP_ROUTED | SIP_SEVERAL_VIAS));
        if (sip_message_copy(&copy, &message) == SIP_OK) {
            fine = edit_all(&copy) && build_all(&copy) && forward(&copy) && refuse(&copy);
            struct sip_message second;
            bool copied = sip_message_copy(&second, &copy) == SIP_OK;
            if (copied) sip_message_free(&second);
            fine = fine && copied;
            sip_message_free(&copy);
        }
        sip_message_free(&message);
    } else {
        CHECK(fault.error == SIP_NO_MEMORY);
    }
    struct sip_message salvaged;
    enum sip_error saved = sip_message_salvage(&salvaged, invite, sizeof invite - 1);
    CHECK(saved == SIP_OK || saved == SIP_NO_MEMORY);
    if (saved == SIP_OK) sip_message_free(&salvaged);
    CHECK(allocated == 0);
    return fine && saved == SIP_OK;
}

static void names_are_found_by_any_case_and_length(void) {
    for (unsigned id = 1; id < SIP_NAME_COUNT; id++) {
        char text[40];
        struct sip_slice name = sip_name_text(id);
        CHECK(name.size < sizeof text);
        CHECK(id == 1 || name.size >= sip_name_text(id - 1).size); /* the table is in order of length */
        CHECK(sip_name_find(name) == id);
        for (size_t i = 0; i < name.size; i++) text[i] = sip_upper(name.at[i]);
        CHECK(sip_name_find((struct sip_slice){text, name.size}) == id);
        text[name.size - 1] = '!';
        CHECK(sip_name_find((struct sip_slice){text, name.size}) == SIP_OTHER);
    }
    CHECK(sip_name_find(SIP_TEXT("l")) == SIP_CONTENT_LENGTH && sip_name_find(SIP_TEXT("L")) == SIP_CONTENT_LENGTH);
    CHECK(sip_name_find(SIP_TEXT("z")) == SIP_OTHER && sip_name_find(SIP_TEXT("!")) == SIP_OTHER);
    CHECK(sip_name_find(SIP_TEXT("A-header-name-longer-than-any-that-is-known")) == SIP_OTHER);
}

static bool grants(struct sip_slice reply, struct sip_slice wanted) {
    struct sip_slice sdp;
    return sip_ng_grants(reply, &sdp) && sip_same(sdp, wanted);
}

static void replies_that_let_a_body_pass(void) {
    struct sip_slice whole = SIP_TEXT("d6:result2:ok3:sdp3:v=0e");
    CHECK(grants(whole, SIP_TEXT("v=0")));
    CHECK(grants(SIP_TEXT("d3:sdp3:v=06:result2:oke"), SIP_TEXT("v=0")));
    CHECK(grants(SIP_TEXT("d3:sdp1:x6:result2:ok3:sdp0:e"), SIP_TEXT(""))); /* the last one counts */
    for (size_t size = 0; size < whole.size; size++) CHECK(!grants((struct sip_slice){whole.at, size}, SIP_TEXT("v=0")));
    const struct sip_slice others[] = {
        SIP_TEXT("d6:result5:error12:error-reason2:noe"), SIP_TEXT("d6:result2:oke"), SIP_TEXT("d3:sdp3:v=0e"),
        SIP_TEXT("d6:result2:ok3:sdp3:v=07:warningi1ee"), SIP_TEXT("d6:result2:ok3:sdp3:v=0ee"), SIP_TEXT("d6:result2:ok3:sdp:e"),
        SIP_TEXT("d6:result2:ok3:sdp4294967296:v=0e"), SIP_TEXT("d6:result2:ok3:sdp-1:v=0e"), SIP_TEXT("i1e"), SIP_TEXT("de"),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) CHECK(!grants(others[i], SIP_TEXT("v=0")));
}

static void requests_with_a_body(void) {
    struct sip_buffer out = {.at = NULL};
    struct sip_ng_body body = {.command = SIP_TEXT("answer"), .call_id = SIP_TEXT("c"), .offerer = SIP_TEXT("a"), .sdp = SIP_TEXT("v=0"),
                               .host = SIP_TEXT("::1"), .status = 200, .natted = true, .early = true, .more = SIP_TEXT("4:SDESl3:offe")};
    sip_ng_add_body(&out, &body);
    CHECK(out.failed || sip_same((struct sip_slice){out.at, out.size}, SIP_TEXT(
        "d7:command6:answer7:replacel6:origin18:session-connectione5:flagsl18:SIP-source-address11:provisionale8:SIP-codei200e"
        "4:SDESl3:offe7:call-id1:c8:from-tag1:a13:received-froml3:IP63:::1e3:sdp3:v=0e")));
    sip_buffer_free(&out);
}

/* Those that came when there was no memory and those that came later fire in one order. */
static void timers_without_memory(void) {
    static const double lengths[] = {3, 1, 7, 2, 0.5, 9, 1.5, 8, 4}, order[] = {0.5, 1, 1.5, 2, 3, 4, 7, 8, 9};
    enum { COUNT = sizeof lengths / sizeof *lengths, SHORT = 6 };
    struct sip_timer timers[COUNT] = {{.deadline = 0}}, *fired;
    struct sip_timers *all = sip_timers_new();
    double soonest;
    CHECK(all);
    for (int i = 0; i < COUNT; i++) {
        exhausted = i < SHORT;
        sip_timers_start(all, &timers[i], 100, lengths[i]);
    }
    CHECK(sip_timers_lengths(all) == COUNT - SHORT);
    CHECK(sip_timers_soonest(all, &soonest) && soonest == 100.5);
    sip_timer_stop(&timers[2]);
    for (int i = 0; i < COUNT; i++) {
        if (order[i] == lengths[2]) continue;
        sip_timers_collect(all, 100 + order[i]);
        CHECK((fired = sip_timers_due(all)) && fired->deadline == 100 + order[i]);
        CHECK(!sip_timers_due(all));
    }
    sip_timers_start(all, &timers[0], 200, 5);
    sip_timers_start(all, &timers[1], 200, 6);
    sip_timers_collect(all, 300);
    CHECK(sip_timers_due(all) == &timers[0] && sip_timers_any(all) == &timers[1]);
    sip_timer_stop(&timers[1]);
    CHECK(!sip_timers_any(all) && !sip_timers_soonest(all, &soonest));
    sip_timers_free(all);
    allocated = 0; /* calloc is not counted, free is */
}

int main(void) {
    timers_without_memory();
    names_are_found_by_any_case_and_length();
    replies_that_let_a_body_pass();
    requests_with_a_body();
    what_is_known_outlives_edits_of_others();
    calls = 0;
    CHECK(run_long() && run());
    int needed = calls;
    CHECK(needed > 8);
    for (failing = 1; failing <= needed; failing++) {
        calls = 0;
        CHECK(!run_long() || !run() || calls < failing);
    }
    return 0;
}
