/* The stream table: a memfd that another process can map and go on with.
 *
 * Owners. *control*: whoever holds the mutex of struct relay. *thread*: the one relay thread the stream belongs to. Each field
 * has one writer, named beside it; the other one only reads. Shared fields are read and written as single words by
 * relay_get and relay_put; records of several words are seqlocks: the writer makes the sequence odd, writes, makes it even.
 * A reader that meets an odd or changed sequence never waits on the packet path: it keeps what it had.
 *
 * A packet of RTP touches three lines: its leg, its flow, the leg it leaves by. Those of both directions are
 * a run of 256 bytes. SRTP keys and indices (relay_srtp_state.h), and what ICE keeps (relay_ice_state.h), stand apart, behind all streams. A stream is an odd number of lines, which spreads the hot ones over all sets of the caches.
 *
 * Only the relay whose number stands in the header's ``owner`` may touch the table: a new one takes it over by writing its own.
 */
#ifndef RELAY_TABLE_H
#define RELAY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay_address.h"
#include "relay_flow.h"
#include "relay_ice_state.h"
#include "relay_srtp_state.h"

#define RELAY_TABLE_VERSION 7
#define RELAY_MAX_CAPACITY (1u << 20)
#define RELAY_DYNAMIC_TYPES 32 /* payload types 96 to 127 (RFC 3551 section 6) */
#define RELAY_DSCP_SET 0x80
#define RELAY_PAST_SHIFT 20 /* nanoseconds to about a millisecond */

enum { RELAY_RTP_COMPONENT, RELAY_RTCP_COMPONENT, RELAY_COMPONENTS };
enum { RELAY_SIDES = 2 };
enum relay_kind { RELAY_RTP = 1, RELAY_OPAQUE };
enum relay_mode { RELAY_UNSET, RELAY_FIXED, RELAY_SYMMETRIC, RELAY_ASYMMETRIC, RELAY_ANY, RELAY_HANDOVER, RELAY_ICE };
enum relay_latch { RELAY_NOT_LATCHED, RELAY_LATCHED_GIVEN, RELAY_LATCHED_ELSEWHERE };
enum relay_state { RELAY_FREE, RELAY_ACTIVE };
enum relay_flag {
    RELAY_FLAG_MUX = 1,
    RELAY_FLAG_BLOCKED = 2,
    RELAY_FLAG_OPAQUE = 4,
    RELAY_FLAG_SILENCED = 8,
    RELAY_FLAG_TYPES = 16, /* some payload types are blocked */
    RELAY_FLAG_SRTP = 32, /* it has an SRTP record, though both sides may be plain by now */
    RELAY_FLAG_TAPED = 64, /* copies go to a recording of this process; not among side_flags */
    RELAY_FLAG_FEEDBACK = 128, /* RFC 4585: is taken out of the side's RTCP */
};

/* One socket as the packet path sees it: one line. */
struct relay_leg {
    uint32_t setting_sequence; /* control: seqlock of the setting; even and not ``taken``: the thread takes the setting over */
    uint32_t taken;            /* thread: the sequence the fields below come from */
    int32_t fd;                /* control, while no thread knows the stream; means something in the owner's process only */
    uint8_t flags;             /* control: enum relay_flag; the same on both legs of a side */
    uint8_t mode;              /* thread: enum relay_mode */
    uint8_t latched;           /* thread: enum relay_latch */
    uint8_t learn_family;      /* thread: 0, nobody to learn from */
    union relay_address remote; /* thread: where we send; latched: what we accept from, too */
    uint8_t learn[16];         /* thread: the host to learn from */
    uint32_t latch_sequence;   /* thread: seqlock of mode to learn */
};

struct relay_component {
    struct relay_leg leg;
    struct relay_flow flow;
};

/* What was asked for; written by control under the leg's setting_sequence. */
struct relay_setting {
    union relay_address remote;
    uint8_t learn[16];
    uint8_t mode;
    uint8_t learn_family;
    uint8_t unused[2];
};

/* What is seldom touched; written by the thread. */
struct relay_rare {
    uint64_t first_ns;
    uint64_t send_errors;
    uint64_t strangers;
    uint64_t malformed;
    uint64_t no_remote;
    uint32_t latch_checksum; /* over the leg's seqlocked fields */
    uint32_t gaps;           /* runs of missing sequence numbers */
};

/* Where a side was before it named another address; written by the thread. */
struct relay_past {
    union relay_address remote; /* family 0: none */
    uint32_t until;             /* when it is a stranger's; RELAY_PAST_SHIFT of CLOCK_MONOTONIC */
};

/* What a side's RTCP says of time; written by the thread. */
struct relay_report {
    uint64_t sent_ns;       /* when its last sender report passed, CLOCK_MONOTONIC */
    uint32_t sent;          /* middle 32 bits of that report's NTP timestamp */
    uint32_t round_trip_us; /* from us to it and back, last heard; 0: not yet */
};

struct relay_stream {
    struct relay_component component[RELAY_COMPONENTS][RELAY_SIDES];
    struct relay_rare rare[RELAY_COMPONENTS][RELAY_SIDES];
    struct relay_past past[RELAY_COMPONENTS][RELAY_SIDES];
    struct relay_report report[RELAY_SIDES];
    /* from here to ``checksum``: control, and what the checksum covers */
    struct relay_setting setting[RELAY_COMPONENTS][RELAY_SIDES];
    uint16_t clock[RELAY_SIDES][RELAY_DYNAMIC_TYPES]; /* RELAY_CLOCK_UNIT_HZ; 0 unknown */
    uint32_t blocked_types[RELAY_SIDES]; /* a bit for each dynamic payload type, 96 the lowest */
    uint32_t kind;
    uint16_t thread;
    uint8_t ice; /* it has an ICE record, though no side may speak it by now */
    uint8_t unused;
    uint8_t dscp[RELAY_SIDES]; /* with RELAY_DSCP_SET; 0: as the sockets came */
    uint8_t side_flags[RELAY_SIDES];
    uint32_t checksum; /* control */
    uint32_t state;    /* control: enum relay_state */
    uint8_t reports;   /* control: RTCP of both sides ends here, and they get ours */
    uint8_t awaited;   /* control: what comes for a side that is nowhere yet is kept */
    uint8_t early;     /* thread: how much it keeps; meanwhile the legs stay as they are */
    uint8_t dtls;      /* control: by bit of the side: its keys come from a handshake with us, until then nothing passes */
};

static inline struct relay_leg *relay_leg_of(struct relay_stream *stream, int component, int side)
{
    return &stream->component[component][side].leg;
}

static inline bool relay_has_dtls(const struct relay_stream *stream, int side) { return (relay_get(stream->dtls) >> side & 1) != 0; }

struct relay_header {
    char magic[8];
    uint32_t version;
    uint32_t stream_size;
    uint32_t capacity;
    uint32_t first_offset;
    uint64_t owner; /* the relay that may use the table; 0 nobody yet */
};

/* A mapping of the table; the memfd and the mapping are its own. */
struct relay_table {
    int fd;
    size_t size;
    struct relay_header *header;
    struct relay_stream *streams;
    struct relay_srtp_record *records; /* by stream, after the streams; untouched where there is no SRTP */
    struct relay_srtp_kept *kept;      /* by stream, after the records; untouched where no key was replaced */
    struct relay_srtp_retired *retired; /* by stream, after those; untouched where no way had more than RELAY_SOURCES */
    struct relay_ice_record *ice; /* by stream, after those; untouched where there is no ICE */
};

enum relay_error {
    RELAY_OK,
    RELAY_ERROR_SYSTEM, /* errno says what */
    RELAY_ERROR_MEMORY,
    RELAY_ERROR_FULL,
    RELAY_ERROR_STREAM,
    RELAY_ERROR_ATTACHED,
    RELAY_ERROR_SOCKET,
    RELAY_ERROR_FAMILY,
    RELAY_ERROR_NO_SOCKET,
    RELAY_ERROR_CHECKSUM,
    RELAY_ERROR_NOT_TABLE,
    RELAY_ERROR_VERSION,
    RELAY_ERROR_OWNER,
    RELAY_ERROR_STOPPED,
    RELAY_ERROR_NOT_RTP,
    RELAY_ERROR_FORKED,
    RELAY_ERROR_RECORDING,
    RELAY_ERROR_RAW,
    RELAY_ERROR_FAST,
};

const char *relay_error_text(enum relay_error error);

/* A new table for ``capacity`` streams, its memory untouched until used. */
enum relay_error relay_table_create(struct relay_table *table, uint32_t capacity);

/* The table behind ``fd``, which stays the caller's. Checks size, magic, version and layout; not the streams. */
enum relay_error relay_table_attach(struct relay_table *table, int fd);
void relay_table_close(struct relay_table *table);

/* Take the table over, so that whoever had it stops. */
uint64_t relay_table_own(struct relay_table *table);

/* Control's part: over everything the stream needs to go on, counters and latches aside. */
void relay_stream_seal(struct relay_stream *stream);
bool relay_stream_intact(const struct relay_stream *stream);
uint32_t relay_leg_checksum(const struct relay_leg *leg);
uint32_t relay_checksum(const void *data, size_t size); /* of whole words */

static inline struct relay_srtp_record *relay_record_of(const struct relay_table *table, uint32_t stream)
{
    return &table->records[stream];
}

static inline struct relay_ice_record *relay_ice_of(const struct relay_table *table, uint32_t stream)
{
    return &table->ice[stream];
}

/* An end of all that the stream has of keys. */
void relay_record_wipe(const struct relay_table *table, uint32_t stream);

/* Records of whole 32-bit words; ``shared`` is the side in the table. */
void relay_words_put(void *shared, const void *local, size_t size);
void relay_words_get(void *local, const void *shared, size_t size);
void relay_flow_get(struct relay_flow *local, const struct relay_flow *shared);

/* A seqlock's writer encloses its writes; a reader's try counts when both calls say so. */
static inline void relay_write_begin(uint32_t *sequence)
{
    relay_put(*sequence, *sequence | 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void relay_write_end(uint32_t *sequence)
{
    __atomic_store_n(sequence, (*sequence | 1) + 1, __ATOMIC_RELEASE);
}

static inline bool relay_read_begin(const uint32_t *sequence, uint32_t *seen)
{
    *seen = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
    return (*seen & 1) == 0;
}

static inline bool relay_read_end(const uint32_t *sequence, uint32_t seen)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return relay_get(*sequence) == seen;
}

_Static_assert(sizeof(struct relay_leg) == 64, "a leg is one cache line");
_Static_assert(sizeof(struct relay_stream) % 128 == 64, "a stream is an odd number of cache lines");

#endif
