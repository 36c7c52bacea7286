/* Fuzz target: any bytes as the front of a stream. Invariants: a verdict on a prefix (a length, or a refusal) is the verdict
 * on every longer one; while it is open the prefix is incomplete; a framed message is scanned whole, without bytes left
 * over. */
#include <stdlib.h>

#include "../check.h"
#include "sip_message.h"

static struct sip_fault frame(const uint8_t *data, size_t size, size_t *length) {
    char *own = malloc(size ? size : 1);
    memcpy(own, data, size);
    struct sip_fault fault = sip_frame(own, size, length);
    free(own);
    return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t whole_length = 0, length = 0;
    struct sip_message message;
    if (size > 600) return 0; /* its prefixes take the square of its size */
    enum sip_error whole = frame(data, size, &whole_length).error, said = SIP_INCOMPLETE;
    for (size_t prefix = 0; prefix <= size && said == SIP_INCOMPLETE; prefix++) {
        said = frame(data, prefix, &length).error;
        if (said == SIP_OK) CHECK(length == prefix);
    }
    CHECK((said == SIP_OK) == (whole == SIP_OK));
    CHECK((said == SIP_INCOMPLETE) == (whole == SIP_INCOMPLETE));
    if (whole == SIP_OK) {
        CHECK(length == whole_length);
        CHECK(sip_message_scan(&message, (const char *)data, whole_length).error == SIP_OK);
        CHECK(message.trailing == 0);
        sip_message_free(&message);
    }
    return 0;
}
