/* The sums of STUN messages (RFC 8489 sections 14.5 and 14.7). */
#ifndef RELAY_STUN_HASH_H
#define RELAY_STUN_HASH_H

#include "relay_stun.h"

#define RELAY_STUN_HMAC 20

/* HMAC-SHA1 of ``data`` with another length in its header. */
void relay_stun_hmac(const struct relay_stun_key *key, const uint8_t *data, size_t size, uint16_t length, uint8_t hmac[RELAY_STUN_HMAC]);

/* As FINGERPRINT has it. */
uint32_t relay_stun_crc(const uint8_t *data, size_t size);

#endif
