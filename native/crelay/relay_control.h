/* What the application asks of the relay. Every call is safe from any thread (one mutex, which no relay thread ever takes);
 * only relay_reap, relay_set_crypto, relay_set_ice, relay_send_reports, relay_tape_stream, relay_stop, relay_scan_fast, a relay_add that finds no
 * free stream and whatever changes a stream on the fast path wait for relay threads. */
#ifndef RELAY_CONTROL_H
#define RELAY_CONTROL_H

#include "relay_recorder.h"
#include "relay_srtp.h"
#include "relay_thread.h"

struct relay;

/* Sockets of a stream as [side][component]; -1 where there is no RTCP socket. */
typedef int relay_sockets[RELAY_SIDES][RELAY_COMPONENTS];

struct relay_stats {
    uint64_t packets, bytes, forwarded, send_errors, strangers, malformed, no_remote;
    int64_t lost;
    uint32_t auth_failed, replayed;
    uint64_t checks, checks_refused; /* of ICE */
    uint32_t gaps, jitter, ssrc, round_trip_us;
    uint8_t payload_type;
    bool latched;
    uint64_t first_ns, last_ns;
    union relay_address remote; /* family 0: none */
};

struct relay_totals {
    uint64_t packets, bytes, errors, strangers, forged, checks, checks_refused;
};

/* Of all raw sockets. */
struct relay_raw_status {
    uint32_t sockets;  /* still used */
    uint32_t given_up;
    uint64_t packets, refused;
};

/* How many active streams are on the fast path, and why the others are not. */
struct relay_fast_status {
    uint32_t on;
    uint32_t refused[RELAY_FAST_REFUSALS];
};

struct relay_remote {
    union relay_address address; /* family 0: none */
    enum relay_mode mode;
    struct relay_host learn; /* family 0: learn from nobody (RELAY_ANY: from everybody) */
};

/* ``table_fd`` -1: a new table of ``capacity`` streams; else that one, whose descriptor stays the caller's. */
enum relay_error relay_open(struct relay **relay, uint32_t threads, uint32_t capacity, bool fifo, int table_fd);

/* How long packets of a side that is nowhere yet are kept; RELAY_EARLY_NS unless it is said. Before relay_start. */
void relay_keep_early(struct relay *relay, uint64_t keep_ns);

/* A raw socket for the first thread that has none of its family; ``fd`` stays the caller's. Before any stream is added. */
enum relay_error relay_use_raw(struct relay *relay, int fd);

/* The maps of a fast path, which stay the caller's, and the numbers of the interfaces it is at. Before any stream is added. */
enum relay_error relay_use_fast(struct relay *relay, int pairs, int legs);
enum relay_error relay_use_fast_at(struct relay *relay, uint32_t interface);

/* Takes streams onto the fast path that may be on it, and off those whose routes changed, for 2 ms. True: not all were looked at.
 * To be called now and then; with ``begin`` false when there was more to do or ``relay_fast_changes_fd`` is readable. */
bool relay_scan_fast(struct relay *relay, bool begin);
int relay_fast_legs_fd(const struct relay *relay); /* -1: there is none */
int relay_fast_changes_fd(const struct relay *relay); /* the same */

/* Ports of a host (a wildcard: of every host this machine has now) that only this relay sends from: no side is learned to be
 * there, and only one that was given such an address is there. */
enum relay_error relay_add_own(struct relay *relay, const union relay_address *host, uint16_t first, uint16_t last);
enum relay_error relay_start(struct relay *relay);
void relay_stop(struct relay *relay); /* ends the threads, closes the sockets; for good */
void relay_close(struct relay *relay);

uint32_t relay_threads(const struct relay *relay);
uint32_t relay_fifo_threads(const struct relay *relay);
uint32_t relay_capacity(const struct relay *relay);
int relay_table_fd(const struct relay *relay);
int relay_event_fd(const struct relay *relay);
uint64_t relay_turns(const struct relay *relay, uint32_t thread);
void relay_get_raw(const struct relay *relay, struct relay_raw_status *status);
void relay_get_early(const struct relay *relay, uint64_t *judged, uint64_t *dropped); /* of what was kept: judged, or too old or too much */
void relay_get_fast(struct relay *relay, struct relay_fast_status *status);

/* Both take the sockets over when they succeed, and not when they don't. ``thread`` -1: the least loaded. ``awaited``: what comes for a side
 * that is nowhere yet is kept until relay_release, and no change takes effect while something is. */
enum relay_error relay_add(struct relay *relay, enum relay_kind kind, relay_sockets sockets, int thread, bool awaited, uint32_t *stream);
enum relay_error relay_adopt(struct relay *relay, uint32_t stream, relay_sockets sockets);

/* Nothing is relayed any more. Its sockets stay bound and its number taken until relay_reap has made sure that the threads are
 * through with all removed streams, which wakes each of them once. */
enum relay_error relay_remove(struct relay *relay, uint32_t stream);
enum relay_error relay_reap(struct relay *relay);
enum relay_error relay_undo_add(struct relay *relay, uint32_t stream); /* both at once, but the sockets are the caller's again */

enum relay_error relay_thread_of(struct relay *relay, uint32_t stream, uint32_t *thread);
enum relay_error relay_set_remote(struct relay *relay, uint32_t stream, int side, int component,
                                  const struct relay_remote *remote);

/* Both components of a side, and whether they share a port, in one step. */
enum relay_error relay_place(struct relay *relay, uint32_t stream, int side, const struct relay_remote remote[RELAY_COMPONENTS],
                             bool mux);
/* The stream's sides are where they were set: what was kept for them is judged by that. Waits for a relay thread when something was. */
enum relay_error relay_release(struct relay *relay, uint32_t stream);
enum relay_error relay_set_mux(struct relay *relay, uint32_t stream, int side, bool mux);
enum relay_error relay_set_blocked(struct relay *relay, uint32_t stream, int side, bool blocked);
enum relay_error relay_set_silenced(struct relay *relay, uint32_t stream, int side, bool silenced);
enum relay_error relay_set_without_feedback(struct relay *relay, uint32_t stream, int side, bool without);
/* Whether RTCP of both sides ends here but for feedback, so that they get ours by relay_send_reports; RTP only. That waits for a relay
 * thread. ``cname``: RELAY_CNAME_BYTES. */
enum relay_error relay_set_reports(struct relay *relay, uint32_t stream, bool reports);
enum relay_error relay_send_reports(struct relay *relay, uint32_t stream, const char *cname);
enum relay_error relay_set_blocked_types(struct relay *relay, uint32_t stream, int side, uint32_t types);
enum relay_error relay_set_dscp(struct relay *relay, uint32_t stream, int side, uint8_t dscp);
enum relay_error relay_set_clock(struct relay *relay, uint32_t stream, uint8_t payload_type, uint32_t clock_hz);

/* Keys by way; RELAY_NO_SUITE: plain. A key keeps its indices, also while up to RELAY_KEPT others are set. Waits for a relay thread when
 * one is new. */
enum relay_error relay_set_crypto(struct relay *relay, uint32_t stream, int side, const struct relay_key key[RELAY_WAYS]);

/* ICE towards a side, whose legs are RELAY_ICE: our credentials, and the party's user name fragment, empty while nobody has answered. Other
 * credentials are a restart: the party stays where it is until it nominates anew. Waits for a relay thread. */
struct relay_ice_words {
    const char *ufrag, *password, *peer;
    uint8_t ufrag_bytes, password_bytes; /* RELAY_ICE_UFRAG and RELAY_ICE_PASSWORD at most */
    size_t peer_bytes;
};

enum relay_error relay_set_ice(struct relay *relay, uint32_t stream, int side, const struct relay_ice_words *words);

/* The highest rollover counter (RFC 3711 section 3.3.1) that a side was sent under the key in effect. */
enum relay_error relay_rollovers(struct relay *relay, uint32_t stream, int side, uint32_t *rollovers);

/* A recording to ``fd``, of at most ``max_bytes``; taken over when that succeeds (RELAY_ERROR_FULL: too many at once). It gets what the
 * streams taped for it accept, in pcap. Ending it returns at once; what was taped before gets into the file. */
enum relay_error relay_begin_recording(struct relay *relay, int fd, uint64_t max_bytes, uint32_t *recording);
enum relay_error relay_end_recording(struct relay *relay, uint32_t recording);

/* One that was ended is forgotten once this has told that its file is closed. */
enum relay_error relay_get_recording(struct relay *relay, uint32_t recording, struct relay_recording_status *status);

/* ``recording`` -1: none any more, and when it returns nothing more of the stream gets there. Waits for a relay thread. ``shown``: what the
 * file names as our side's host where its socket is bound to none, by side; family 0: nothing else. */
enum relay_error relay_tape_stream(struct relay *relay, uint32_t stream, int64_t recording,
                                   const struct relay_host shown[RELAY_SIDES]);

/* Adds what both sides of the stream sent, by component. */
enum relay_error relay_add_totals(struct relay *relay, uint32_t stream, struct relay_totals totals[RELAY_COMPONENTS]);
enum relay_error relay_get_stats(struct relay *relay, uint32_t stream, int side, int component, struct relay_stats *stats);
enum relay_error relay_last_packet(struct relay *relay, uint32_t stream, uint64_t *last_ns);

/* A side whose keys come from DTLS with us: until both are set nothing of it passes, and what it says of DTLS to its port of RTP gets to the
 * inbox. Waits for a relay thread. */
enum relay_error relay_set_dtls(struct relay *relay, uint32_t stream, int side, bool on);

/* One datagram of the inbox; false: there is none. */
struct relay_letter {
    uint32_t leg; /* relay_leg_index */
    union relay_address from;
    size_t size;
    uint8_t data[RELAY_TAPE_MOST];
};

bool relay_inbox_next(struct relay *relay, struct relay_letter *letter);
void relay_inbox_seen(struct relay *relay); /* before the first of a round */
int relay_inbox_fd(const struct relay *relay);
uint64_t relay_inbox_dropped(const struct relay *relay);

/* From the side's port of RTP to ``to``, NULL: to where the side is. ``sent``: the kernel took it. */
enum relay_error relay_send(struct relay *relay, uint32_t stream, int side, const union relay_address *to, const uint8_t *data, size_t size,
                            bool *sent);

/* The side has proven to be there: it is latched as by a packet, if its mode learns. Waits for a relay thread. */
enum relay_error relay_latch_at(struct relay *relay, uint32_t stream, int side, const union relay_address *source);

/* The next leg at or after ``*leg`` (see relay_leg_index) that was latched since it was last reported; false: none. */
bool relay_next_latched(struct relay *relay, uint32_t *leg);
void relay_events_seen(struct relay *relay); /* before the first relay_next_latched of a round */

#endif
