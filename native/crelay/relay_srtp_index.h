/* Packet indices and replay (RFC 3711 sections 3.3.1 and 3.3.2), per source of a way. */
#ifndef RELAY_SRTP_INDEX_H
#define RELAY_SRTP_INDEX_H

#include "relay_srtp_state.h"

/* The source of that SSRC; NULL: not known. */
struct relay_source *relay_source_find(struct relay_way_state *state, uint32_t ssrc);

/* One that gave way to others: what is known of it, in ``again``. NULL: a new one. ``retired`` NULL, here and below: none is remembered. */
struct relay_source *relay_source_recall(const struct relay_way_state *state, const struct relay_retired *retired, uint32_t ssrc,
                                         struct relay_source *again);

/* Whether a new source takes a place without another one being forgotten. */
bool relay_source_fits(const struct relay_way_state *state, const struct relay_retired *retired);

/* Whether a source may have given way to another one. */
bool relay_way_is_full(const struct relay_way_state *state);

/* Control's part: an end of all under a key that is forgotten. */
void relay_retired_forget(struct relay_retired *retired, uint32_t number);

/* The packet index that a sequence number stands for; ``source`` NULL: of a new one. */
uint64_t relay_source_guess(const struct relay_source *source, uint16_t sequence);

/* Whether a packet was seen or is older than the window reaches. */
bool relay_source_replayed(const struct relay_source *source, bool rtcp, uint64_t index);

/* An authentic packet (or one to be sent) was this index of ``ssrc``. ``source`` as found or recalled; NULL, for a new one. A
 * source that is not among the way's takes the place of the one unused for longest. */
void relay_source_commit(struct relay_way_state *state, struct relay_retired *retired, struct relay_source *source, uint32_t ssrc,
                         bool rtcp, uint64_t index);

#endif
