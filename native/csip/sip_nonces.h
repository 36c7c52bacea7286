/* How often each nonce of a realm was used (RFC 7616 section 3.4, nc).
 *
 * In two generations: when the newer one is full, or has lasted as long as a nonce does, it takes the place of the older. What is forgotten
 * so can't be replayed: nonces as old as those are stale from then on. */
#ifndef SIP_NONCES_H
#define SIP_NONCES_H

#include "sip_mac.h"

struct sip_nonce_use {
    char mac[SIP_MAC_TEXT_SIZE]; /* what tells a nonce of ours from all others */
    uint32_t count;              /* the highest so far; 0: no nonce is here */
};

struct sip_nonce_generation {
    struct sip_nonce_use *slots; /* a table with open addressing, or NULL */
    size_t count, mask;
    double since;       /* of the first use */
    long long newest_s; /* when the latest of its nonces was issued */
};

struct sip_nonces {
    struct sip_nonce_generation newer, older;
    long long floor_s; /* nonces issued up to this second are stale */
    int max, lifetime_s;
};

/* A use of a nonce of ours, at that time: 1 when it is fresh and was never used with such a count or a higher one, 0 when not; -1
 * without memory to remember it. */
int sip_nonces_use(struct sip_nonces *nonces, const char *mac, long long issued_s, uint32_t count, double now);

void sip_nonces_clear(struct sip_nonces *nonces);

#endif
