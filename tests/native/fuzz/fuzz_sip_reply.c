/* Fuzz target: what answers us: digest credentials, whose text is read in place, and a reply of the media daemon. Invariants: every
 * value lies in the text; what has no fault has all that a check needs, and a check comes to an end; a body lies in the reply. */
#include <stdlib.h>

#include "slices.h"
#include "sip_claim.h"
#include "sip_ng.h"

static void try_claim(struct sip_slice value) {
    struct sip_slice params;
    struct sip_claim claim;
    if (!sip_digest_scheme(value, &params)) return;
    char *text = malloc(params.size + 1);
    CHECK(text);
    memcpy(text, params.at, params.size);
    struct sip_slice whole = {text, params.size};
    if (sip_claim_read(text, params.size, &claim) == SIP_OK) {
        for (size_t i = 0; i < SIP_CLAIM_FIELDS; i++) {
            inside(claim.fields[i], whole);
            CHECK(claim.fields[i].size <= claim.longest);
        }
        int matches = sip_claim_matches(&claim, SIP_TEXT("0123456789abcdef0123456789abcdef"), SIP_TEXT("REGISTER"), value);
        if (sip_claim_fault(&claim))
            CHECK(matches == 0);
        else
            CHECK(sip_claim_use_count(&claim) && claim.fields[SIP_CLAIM_NONCE].at && matches >= 0);
    }
    free(text);
}

static void try_reply(struct sip_slice reply) {
    struct sip_slice sdp;
    if (sip_ng_grants(reply, &sdp)) {
        CHECK(sdp.at);
        inside(sdp, reply);
        CHECK(memmem(reply.at, reply.size, "2:ok", 4));
    }
}

/* What we ask for is bencode, whatever is in it. */
static void try_request(struct sip_slice text) {
    struct sip_buffer out = {.at = NULL};
    struct sip_ng_body body = {.command = SIP_TEXT("offer"), .call_id = text, .offerer = text, .host = text, .sdp = text};
    sip_ng_add_body(&out, &body);
    CHECK(out.failed || (out.size > 2 && out.at[0] == 'd' && out.at[out.size - 1] == 'e'));
    sip_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    CHECK(copy);
    if (size) memcpy(copy, data, size);
    struct sip_slice text = {copy, size};
    try_claim(text);
    try_reply(text);
    try_request(text);
    free(copy);
    return 0;
}
