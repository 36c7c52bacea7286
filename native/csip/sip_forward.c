#include "sip_forward.h"

#include "sip_chars.h"

enum sip_error sip_count_hop(struct sip_message *message, uint32_t initial, uint32_t breadth) {
    struct sip_scratch scratch;
    struct sip_slice text;
    uint32_t left = initial + 1;
    enum sip_error error = SIP_OK;
    if (sip_read_text(message, SIP_MAX_FORWARDS, &scratch, &text) == SIP_OK) error = sip_number(text, 255, &left);
    if (error == SIP_OK && left == 0) error = SIP_OUT_OF_RANGE;
    if (error == SIP_OK) error = sip_set_number(message, SIP_MAX_FORWARDS, left - 1);
    return error == SIP_OK ? sip_set_number(message, SIP_MAX_BREADTH, breadth) : error;
}

struct sip_fault sip_forward(struct sip_message *copy, const struct sip_message *received, struct sip_slice uri,
    uint32_t max_forwards, uint32_t breadth) {
    struct sip_fault fault = {sip_message_copy(copy, received), SIP_OTHER};
    if (fault.error == SIP_OK && !sip_same(uri, sip_message_uri(received)))
        fault = (struct sip_fault){sip_set_uri(copy, uri), SIP_REQUEST_URI};
    if (fault.error == SIP_OK) fault = (struct sip_fault){sip_count_hop(copy, max_forwards, breadth), SIP_MAX_FORWARDS};
    if (fault.error != SIP_OK) sip_message_free(copy);
    return fault;
}

struct sip_fault sip_route_param(const struct sip_message *message, struct sip_slice name, struct sip_scratch *scratch,
    struct sip_slice *value) {
    struct sip_slice text;
    struct sip_addr route;
    struct sip_param param;
    *value = (struct sip_slice){NULL, 0};
    if (sip_read_first(message, SIP_ROUTE, scratch, &text) != SIP_OK) return (struct sip_fault){SIP_OK, SIP_OTHER};
    enum sip_error error = sip_check_addr(SIP_ROUTE, text, &route);
    if (error == SIP_OK && sip_uri_param_find(route.uri.params, name, &param)) *value = param.value;
    return (struct sip_fault){error, SIP_ROUTE};
}
