/* Fuzz target: a stored record of bindings and the REGISTER that may refresh one of them; the first two bytes are the length of the
 * record. Invariants: slices lie in the record; what is written has room where it was promised, and is read again as it was. */
#include <stdlib.h>

#include "slices.h"
#include "sip_reach.h"

static const struct sip_source source = {.host = {"192.0.2.9", 9}, .port = 5060, .default_port = 5060};
static const struct sip_refresh_limits limits = {60, 3600, 7200, 512, 256, 256};

/* Into memory of exactly the room that is asked for. */
static void try_write(const struct sip_record *record, size_t changed) {
    struct sip_record again;
    size_t room = sip_record_room(record, changed);
    char *out = malloc(room);
    CHECK(out);
    size_t size = sip_record_write(record, changed, out);
    CHECK(size <= room);
    CHECK(sip_record_read((struct sip_slice){out, size}, &again) && again.count == record->count);
    for (size_t i = 0; i < record->count; i++) {
        CHECK(sip_same(again.bindings[i].contact, record->bindings[i].contact));
        CHECK(again.bindings[i].cseq == record->bindings[i].cseq && again.bindings[i].natted == record->bindings[i].natted);
    }
    free(out);
}

static void try_read(struct sip_slice text) {
    struct sip_record record;
    if (!sip_record_read(text, &record)) return;
    CHECK(record.count && record.count <= SIP_RECORD_MAX);
    for (size_t i = 0; i < record.count; i++) {
        inside(record.bindings[i].whole, text);
        inside(record.bindings[i].contact, record.bindings[i].whole);
        inside(record.bindings[i].instance, record.bindings[i].whole);
    }
}

static void try_refresh(struct sip_slice text, struct sip_slice data) {
    struct sip_message request;
    struct sip_record record;
    struct sip_refreshed refreshed;
    if (sip_message_scan(&request, data.at, data.size).error != SIP_OK) return;
    if (!request.status && sip_refresh(&request, text, &source, &limits, true, 1.8e9, &record, &refreshed)) {
        CHECK(refreshed.changed < record.count);
        CHECK(record.bindings[refreshed.changed].expires_at > 1.8e9);
        try_write(&record, refreshed.changed);
    }
    sip_message_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t length = (size_t)data[0] << 8 | data[1], left = size - 2;
    if (length > left) length = left;
    char *text = malloc(length + 1), *message = malloc(left - length + 1);
    CHECK(text && message);
    memcpy(text, data + 2, length);
    memcpy(message, data + 2 + length, left - length);
    try_read((struct sip_slice){text, length});
    try_refresh((struct sip_slice){text, length}, (struct sip_slice){message, left - length});
    free(text);
    free(message);
    return 0;
}
