/* A text that nobody else is to read, within one that is sealed (sip_mac.h): MACs of its nonce and block numbers are laid over it, a
 * pseudo-random function in counter mode. The nonce is the MAC of the seal, so that the same text always looks the same. */
#ifndef SIP_MASK_H
#define SIP_MASK_H

#include "sip_mac.h"

/* Adds `plain`, which has no NUL, in characters of a token. It is filled up to a multiple of this, so that its length says little. */
#define SIP_MASK_BYTES 27
void sip_add_masked(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], const char nonce[SIP_MAC_TEXT_SIZE], struct sip_slice plain);

/* Adds what was masked; false for a text that no masking gives. Whether it is what we wrote, the seal says. */
bool sip_add_unmasked(struct sip_buffer *out, const uint8_t key[SIP_MAC_KEY_BYTES], const char nonce[SIP_MAC_TEXT_SIZE], struct sip_slice masked);

#endif
