/* STUN as an ICE lite agent needs it (RFC 8489, RFC 8445 section 7): Binding requests taken apart, proven and answered. No I/O, no clock, and
 * nothing is allocated. */
#ifndef RELAY_STUN_H
#define RELAY_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay_address.h"

#define RELAY_STUN_HEADER 20
#define RELAY_STUN_TRANSACTION 12
#define RELAY_STUN_ANSWER 128  /* bytes that any answer has room in */
#define RELAY_STUN_KEY_BYTES 64 /* a longer one would be hashed first (RFC 2104 section 2) */
#define RELAY_STUN_UNKNOWN 8   /* attributes that an answer names */

enum relay_stun_code {
    RELAY_STUN_BAD_REQUEST = 400,
    RELAY_STUN_UNAUTHENTICATED = 401,
    RELAY_STUN_UNKNOWN_ATTRIBUTE = 420,
    RELAY_STUN_ROLE_CONFLICT = 487, /* RFC 8445 section 7.3.1.1 */
};

/* A message, and what of its attributes concerns a check. Pointers lead into the datagram. */
struct relay_stun {
    const uint8_t *data;
    size_t size;
    uint16_t type;
    const uint8_t *username; /* NULL: there is none */
    size_t username_size;
    size_t integrity; /* where MESSAGE-INTEGRITY begins; 0: there is none */
    uint32_t priority;
    bool nominates;  /* USE-CANDIDATE */
    bool controlled; /* its sender takes itself for that */
    uint8_t unknown_count;
    uint16_t unknown[RELAY_STUN_UNKNOWN]; /* that must be understood, and are not */
};

#define RELAY_STUN_REQUEST 0x0001 /* of Binding, the only method there is */

struct relay_stun_key {
    const uint8_t *bytes;
    size_t size; /* RELAY_STUN_KEY_BYTES at most */
};

/* By its first bytes (RFC 7983 section 7, RFC 8489 section 5). */
static inline bool relay_stun_is(const uint8_t *data, size_t size)
{
    return size >= RELAY_STUN_HEADER && data[0] <= 3 && data[4] == 0x21 && data[5] == 0x12 && data[6] == 0xa4 && data[7] == 0x42;
}

/* False: it is damaged, or its FINGERPRINT is wrong. ``data`` is what relay_stun_is takes for STUN. */
bool relay_stun_read(const uint8_t *data, size_t size, struct relay_stun *stun);

/* Whether MESSAGE-INTEGRITY is made with that key. In constant time. */
bool relay_stun_proves(const struct relay_stun *stun, const struct relay_stun_key *key);

/* The user name is ``ours``, a colon and anything; that is put out. */
bool relay_stun_names(const struct relay_stun *stun, const uint8_t *ours, size_t size, const uint8_t **theirs, size_t *theirs_size);

/* Answers to ``stun``; their size. An error whose ``key`` is NULL is not proven by anything. */
size_t relay_stun_accept(const struct relay_stun *stun, const union relay_address *source, const struct relay_stun_key *key,
                         uint8_t out[RELAY_STUN_ANSWER]);
size_t relay_stun_refuse(const struct relay_stun *stun, enum relay_stun_code code, const struct relay_stun_key *key,
                         uint8_t out[RELAY_STUN_ANSWER]);

#endif
