#include "sip_sender.h"

#include "sip_chars.h"

bool sip_host_is_invalid(struct sip_slice host) {
    struct sip_slice end = SIP_TEXT(".invalid");
    return host.size >= end.size && sip_same_nocase((struct sip_slice){host.at + host.size - end.size, end.size}, end);
}

/* Numeric, brackets left out. */
static bool is_address(struct sip_slice host) {
    struct sip_slice rest = host, name;
    bool is_ip;
    if (memchr(host.at, ':', host.size)) return true;
    return sip_host(&rest, &name, &is_ip) == SIP_OK && !rest.size && is_ip;
}

static bool via_is_elsewhere(const struct sip_via *via, bool reliable) {
    if (sip_host_is_invalid(via->host)) return true;
    if (via->received.at && !sip_same(via->received, via->host) && is_address(via->host)) return true;
    return !reliable && via->rport_number >= 0 && via->rport_number != (via->port > 0 ? via->port : 5060);
}

enum sip_sender sip_find_sender(const struct sip_message *request, struct sip_slice host, bool reliable) {
    struct sip_scratch scratch;
    struct sip_via via;
    struct sip_addr contact;
    if (sip_value_count(request, SIP_VIA) != 1 || sip_read_via(request, &scratch, &via).error != SIP_OK) return SIP_SENDER_DIRECT;
    if (via_is_elsewhere(&via, reliable)) return SIP_SENDER_NATTED;
    if (sip_read_contact(request, &scratch, &contact).error != SIP_OK || contact.is_star) return SIP_SENDER_DIRECT;
    if (sip_host_is_invalid(contact.uri.host)) return SIP_SENDER_NATTED;
    return contact.uri.host_is_ip && !sip_same_nocase(contact.uri.host, host) ? SIP_SENDER_CONTACT : SIP_SENDER_DIRECT;
}
