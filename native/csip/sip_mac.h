/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a keyed hash for short texts that we hand out and want
 * back unaltered. */
#ifndef SIP_MAC_H
#define SIP_MAC_H

#include "sip_base.h"

#define SIP_MAC_KEY_BYTES 16
#define SIP_MAC_BYTES 9 /* of 16: 72 bits, so that base64 needs no padding */
#define SIP_MAC_TEXT_SIZE 12

void sip_hash(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice text, uint8_t out[16]);

/* The first 72 bits in the URL-safe alphabet of base64 (RFC 4648 section 5). */
void sip_mac_text(const uint8_t key[SIP_MAC_KEY_BYTES], struct sip_slice text, char out[SIP_MAC_TEXT_SIZE]);

#endif
