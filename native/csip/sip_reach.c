#include "sip_reach.h"

#include "sip_chars.h"
#include "sip_read.h"
#include "sip_sender.h"

static const struct sip_reach direct = {false, false}, flow_only = {true, true}, connection = {false, true};

static bool is_ipv6(struct sip_slice host) { return memchr(host.at, ':', host.size) != NULL; }

static uint32_t port_of(int32_t port, const struct sip_source *source) { return port > 0 ? (uint32_t)port : source->default_port; }

bool sip_find_reach(const struct sip_uri *contact, const struct sip_via *via, const struct sip_source *source, struct sip_reach *reach) {
    uint32_t contact_port = port_of(contact->port, source), via_port = port_of(via->port, source);
    bool contact_is_source = sip_same_nocase(contact->host, source->host), via_is_source = sip_same_nocase(via->host, source->host);
    *reach = source->reliable ? connection : direct;
    if (contact_is_source && contact_port == source->port) return true;
    if (is_ipv6(contact->host) || is_ipv6(via->host)) return false; /* written in more than one way */
    *reach = flow_only;
    if (sip_host_is_invalid(contact->host)) return true;
    bool names_sender = contact_port == via_port && sip_same_nocase(contact->host, via->host);
    bool via_is_wrong = !via_is_source || (!source->reliable && via->rport.at && via_port != source->port);
    if (names_sender && via_is_wrong) return true;
    *reach = source->reliable && names_sender ? source->verified && contact_port != source->port ? flow_only : connection : direct;
    return contact_is_source || !contact->host_is_ip;
}

bool sip_is_unverifiable(const struct sip_message *request, const struct sip_source *source) {
    struct sip_scratch scratch;
    struct sip_addr contact;
    if (!source->verified || sip_value_count(request, SIP_VIA) != 1) return false;
    if (sip_read_contact(request, &scratch, &contact).error != SIP_OK || contact.is_star) return false;
    return !sip_same_host(contact.uri.host, source->host) || port_of(contact.uri.port, source) != source->port;
}
