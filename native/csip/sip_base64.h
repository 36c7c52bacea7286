/* Base64 in the alphabet for URLs (RFC 4648 section 5), of texts whose size needs no padding. */
#ifndef SIP_BASE64_H
#define SIP_BASE64_H

#include "sip_base.h"

/* `size` is a multiple of 3; `out` has room for four characters of each. */
void sip_base64(const uint8_t *bytes, size_t size, char *out);

/* `size` is a multiple of 4; false for other characters. */
bool sip_unbase64(const char *text, size_t size, uint8_t *out);

#endif
