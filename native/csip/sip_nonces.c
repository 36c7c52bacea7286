#include "sip_nonces.h"

#define FIRST_SLOTS 64

/* Where a MAC is, or would be. Nobody can choose one, so a few of its bits are as good as a hash. */
static struct sip_nonce_use *place(const struct sip_nonce_generation *generation, const char *mac) {
    uint64_t bits;
    memcpy(&bits, mac, sizeof bits);
    size_t i = (size_t)(bits * UINT64_C(0x9E3779B97F4A7C15) >> 32) & generation->mask;
    while (generation->slots[i].count && memcmp(generation->slots[i].mac, mac, SIP_MAC_TEXT_SIZE)) i = (i + 1) & generation->mask;
    return &generation->slots[i];
}

/* NULL when it is not there. */
static struct sip_nonce_use *find(const struct sip_nonce_generation *generation, const char *mac) {
    struct sip_nonce_use *use = generation->slots ? place(generation, mac) : NULL;
    return use && use->count ? use : NULL;
}

static bool grow(struct sip_nonce_generation *generation) {
    size_t slots = generation->slots ? 2 * (generation->mask + 1) : FIRST_SLOTS;
    struct sip_nonce_generation larger = *generation;
    larger.mask = slots - 1;
    if (!(larger.slots = calloc(slots, sizeof *larger.slots))) return false;
    for (size_t i = 0; generation->slots && i <= generation->mask; i++)
        if (generation->slots[i].count) *place(&larger, generation->slots[i].mac) = generation->slots[i];
    free(generation->slots);
    *generation = larger;
    return true;
}

static void begin_generation(struct sip_nonces *nonces) {
    if (nonces->older.count && nonces->floor_s < nonces->older.newest_s) nonces->floor_s = nonces->older.newest_s;
    free(nonces->older.slots);
    nonces->older = nonces->newer;
    nonces->newer = (struct sip_nonce_generation){.slots = NULL};
}

static bool is_over(const struct sip_nonces *nonces, double now) {
    const struct sip_nonce_generation *newer = &nonces->newer;
    size_t room = nonces->max > 1 ? (size_t)nonces->max / 2 : 1;
    return newer->count && (newer->count >= room || now - newer->since > nonces->lifetime_s);
}

/* One that was not used before. */
static int add(struct sip_nonces *nonces, const char *mac, long long issued_s, uint32_t count, double now) {
    if (is_over(nonces, now)) begin_generation(nonces);
    struct sip_nonce_generation *newer = &nonces->newer;
    if ((!newer->slots || 2 * newer->count > newer->mask) && !grow(newer)) return -1;
    struct sip_nonce_use *use = place(newer, mac);
    memcpy(use->mac, mac, sizeof use->mac);
    use->count = count;
    if (!newer->count++) newer->since = now;
    if (newer->newest_s < issued_s) newer->newest_s = issued_s;
    return 1;
}

int sip_nonces_use(struct sip_nonces *nonces, const char *mac, long long issued_s, uint32_t count, double now) {
    if (now - (double)issued_s > nonces->lifetime_s || issued_s <= nonces->floor_s) return 0;
    struct sip_nonce_use *use = find(&nonces->newer, mac);
    if (!use) use = find(&nonces->older, mac);
    if (!use) return add(nonces, mac, issued_s, count, now);
    if (count <= use->count) return 0;
    use->count = count;
    return 1;
}

void sip_nonces_clear(struct sip_nonces *nonces) {
    free(nonces->newer.slots);
    free(nonces->older.slots);
}
