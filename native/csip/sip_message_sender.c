/* Whether a request says of its sender what its source says. */
#include "sip_message_type.h"
#include "sip_read.h"

static bool via_names(const struct sip_message *core, struct sip_slice host) {
    struct sip_scratch scratch;
    struct sip_via via;
    if (sip_read_via(core, &scratch, &via).error != SIP_OK || !sip_same(via.host, host)) return false;
    if (via.received.at && !sip_same(via.received, host)) return false;
    return via.rport_number < 0 || via.rport_number == (via.port < 0 ? 5060 : via.port);
}

static bool contact_names(const struct sip_message *core, struct sip_slice host) {
    struct sip_scratch scratch;
    struct sip_slice text;
    struct sip_addr addr;
    if (sip_read_first(core, SIP_CONTACT, &scratch, &text) != SIP_OK) return false;
    return sip_check_addr(SIP_CONTACT, text, &addr) == SIP_OK && !addr.is_star && sip_same(addr.uri.host, host);
}

PyObject *sip_message_names_source(MessageObject *self, PyObject *host) {
    struct sip_py_view view;
    if (sip_py_view(host, &view) < 0) return NULL;
    bool named = via_names(&self->core, view.text) && contact_names(&self->core, view.text);
    Py_XDECREF(view.holder);
    return PyBool_FromLong(named);
}
