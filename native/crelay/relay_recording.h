/* One recording: its file, and what of it the recorder has not written yet. Used by relay_recorder.c alone, by which thread each
 * field says. */
#ifndef RELAY_RECORDING_H
#define RELAY_RECORDING_H

#include "relay_pcap.h"
#include "relay_recorder.h"

#define RELAY_RECORDING_BUFFER 16384

struct relay_recording {
    uint32_t state;     /* recorder: enum relay_recording_state */
    uint32_t ended;     /* control */
    uint32_t forgotten; /* control: the place is free when it is settled, too */
    uint32_t settled;   /* recorder, when it was ended: nothing for it is on the tapes any more; control, when it begins */
    int32_t error;      /* recorder, before state */
    uint64_t packets, bytes; /* recorder */
    uint64_t dropped;        /* relay threads */
    uint64_t max_bytes;      /* control, before the recorder knows it */
    int64_t unix_ns;         /* the same: Unix time less CLOCK_MONOTONIC */
    int fd;                  /* recorder's from then on */
    size_t used;             /* recorder */
    uint8_t buffer[RELAY_RECORDING_BUFFER];
};

_Static_assert(RELAY_RECORDING_BUFFER >= RELAY_TAPE_MOST + RELAY_PCAP_MOST_HEADER, "a packet fits");

/* Control's, before the recorder knows it, or when it is through with what had the place before. */
void relay_recording_begin(struct relay_recording *recording, int fd, uint64_t max_bytes);

/* The recorder's from here on. */
bool relay_recording_is_open(const struct relay_recording *recording);
void relay_recording_put(struct relay_recording *recording, const struct relay_taped *copy);

/* Writes what was put. False: that failed, and the file is closed. */
bool relay_recording_flush(struct relay_recording *recording);

/* Closes the file. */
void relay_recording_finish(struct relay_recording *recording, enum relay_recording_state state, int error);

#endif
