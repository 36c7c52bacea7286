/* Uris parsed lately, by their text. The URI of a phone comes again and again: with the INVITE that goes there, its ACK and BYE, and
 * the next call. A Uri never changes, and what it was once asked for stays with it. */
#include "sip_py.h"

#define KEPT 4096      /* a power of two; each text has one place, where the latest of those that meet stays */
#define MAX_BYTES 256u /* of a text that is kept */

static PyObject *kept[KEPT];

static uint64_t mixed(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

static size_t place_of(struct sip_slice text) {
    uint64_t sum = text.size, word = 0;
    size_t i = 0;
    for (; i + sizeof word <= text.size; i += sizeof word) {
        memcpy(&word, text.at + i, sizeof word);
        sum = mixed(sum, word);
    }
    word = 0;
    if (i < text.size) memcpy(&word, text.at + i, text.size - i);
    return mixed(sum, word) % KEPT;
}

PyObject *sip_uri_object(struct sip_slice text, enum sip_name header) {
    if (text.size > MAX_BYTES) return sip_uri_made(text, header);
    PyObject **place = &kept[place_of(text)];
    const struct sip_uri *known = *place ? sip_uri_parsed(*place) : NULL;
    if (known && sip_same(known->text, text) && !(header == SIP_REQUEST_URI && known->headers.at)) return Py_NewRef(*place);
    PyObject *made = sip_uri_made(text, header);
    if (made) Py_XSETREF(*place, Py_NewRef(made));
    return made;
}
