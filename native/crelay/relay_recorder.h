/* Calls recorded to pcap files, by a thread of its own: it alone writes to them. Relay threads leave copies on their tapes;
 * control begins and ends recordings, under the relay's mutex. */
#ifndef RELAY_RECORDER_H
#define RELAY_RECORDER_H

#include "relay_tape.h"

#define RELAY_MOST_RECORDINGS 1024

enum relay_recording_state {
    RELAY_RECORDING,
    RELAY_RECORDED,         /* ended by control */
    RELAY_RECORDING_FULL,   /* at its limit of bytes */
    RELAY_RECORDING_FAILED, /* could not be written */
};

struct relay_recording_status {
    enum relay_recording_state state;
    uint64_t packets, bytes;
    uint64_t dropped; /* packets the tape had no room for */
    int error;        /* errno, of one that failed */
};

struct relay_recorder;

/* With a tape a relay thread. NULL: errno says why. */
struct relay_recorder *relay_recorder_open(uint32_t tapes);
struct relay_tape *relay_recorder_tape(struct relay_recorder *recorder, uint32_t tape);

/* Writes what is left on the tapes, closes every file. After a fork (``own_thread`` false) it only lets go. */
void relay_recorder_close(struct relay_recorder *recorder, bool own_thread);

/* Takes ``fd`` over when it succeeds. False: there are RELAY_MOST_RECORDINGS, or no memory. */
bool relay_recorder_begin(struct relay_recorder *recorder, int fd, uint64_t max_bytes, uint32_t *recording);

/* No relay thread puts packets for it on a tape any more. Returns at once; what is on the tapes still gets into the file. */
void relay_recorder_end(struct relay_recorder *recorder, uint32_t recording);

/* False: there is none of that number. One that control ended and whose file is closed is forgotten by that. */
bool relay_recorder_status(struct relay_recorder *recorder, uint32_t recording, struct relay_recording_status *status);

/* A relay thread's: one packet was lost. */
void relay_recorder_dropped(struct relay_recorder *recorder, uint32_t recording);

#endif
