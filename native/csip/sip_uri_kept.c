/* Uris parsed lately, by their text. The URI of a phone comes again and again: with the INVITE that goes there, its ACK and BYE, and
 * the next call. A Uri never changes, and what it was once asked for stays with it. */
#include "sip_py.h"

#define KEPT 4096      /* a power of two; each text has one place, where the latest of those that meet stays */
#define MAX_BYTES 256u /* of a text that is kept */

struct place {
    PyObject *uri;
    bool asked; /* for it, since the last look */
};

static struct place kept[KEPT];

PyObject *sip_uri_object(struct sip_slice text, enum sip_name header) {
    if (text.size > MAX_BYTES) return sip_uri_made(text, header);
    struct place *place = &kept[sip_spread(text) % KEPT];
    const struct sip_uri *known = place->uri ? sip_uri_parsed(place->uri) : NULL;
    place->asked = true;
    if (known && sip_same(known->text, text) && !(header == SIP_REQUEST_URI && known->headers.at)) return Py_NewRef(place->uri);
    PyObject *made = sip_uri_made(text, header);
    if (made) Py_XSETREF(place->uri, Py_NewRef(made));
    return made;
}

/* Called now and then: what nobody asked for since the last time goes. A few Uris that stay among many objects that go would keep
 * the interpreter from giving memory back. */
PyObject *sip_forget_idle_uris(PyObject *unused, PyObject *no_arguments) {
    (void)unused;
    (void)no_arguments;
    for (size_t i = 0; i < KEPT; i++) {
        if (!kept[i].asked) Py_CLEAR(kept[i].uri);
        kept[i].asked = false;
    }
    Py_RETURN_NONE;
}
