/* The file of a recording: copies are collected and written a buffer at a time. */
#include "relay_recording.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "relay_table.h"

static int64_t unix_offset_ns(void)
{
    struct timespec real, steady;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &steady);
    return (int64_t)(real.tv_sec - steady.tv_sec) * 1000000000 + (real.tv_nsec - steady.tv_nsec);
}

void relay_recording_begin(struct relay_recording *recording, int fd, uint64_t max_bytes)
{
    relay_put(recording->packets, 0);
    relay_put(recording->bytes, 0);
    relay_put(recording->dropped, 0);
    relay_put(recording->ended, 0);
    relay_put(recording->settled, 0);
    recording->forgotten = 0;
    recording->max_bytes = max_bytes;
    recording->unix_ns = unix_offset_ns();
    recording->fd = fd;
    recording->used = relay_pcap_begin(recording->buffer);
    __atomic_store_n(&recording->state, RELAY_RECORDING, __ATOMIC_RELEASE);
}

bool relay_recording_is_open(const struct relay_recording *recording)
{
    return __atomic_load_n(&recording->state, __ATOMIC_ACQUIRE) == RELAY_RECORDING;
}

void relay_recording_finish(struct relay_recording *recording, enum relay_recording_state state, int error)
{
    close(recording->fd);
    recording->fd = -1;
    recording->used = 0;
    relay_put(recording->error, error);
    __atomic_store_n(&recording->state, state, __ATOMIC_RELEASE);
}

/* On failure the file is cut where the last whole buffer ended, so that it stays readable. */
bool relay_recording_flush(struct relay_recording *recording)
{
    size_t done = 0;
    while (done < recording->used) {
        ssize_t size = write(recording->fd, recording->buffer + done, recording->used - done);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0) {
            int error = size < 0 ? errno : EIO;
            (void)!ftruncate(recording->fd, (off_t)recording->bytes);
            relay_recording_finish(recording, RELAY_RECORDING_FAILED, error);
            return false;
        }
        done += (size_t)size;
    }
    relay_count(recording->bytes, recording->used);
    recording->used = 0;
    return true;
}

void relay_recording_put(struct relay_recording *recording, const struct relay_taped *copy)
{
    uint8_t header[RELAY_PCAP_MOST_HEADER];
    const uint8_t *data = (const uint8_t *)(copy + 1);
    size_t size = relay_pcap_header(header, (uint64_t)((int64_t)copy->at_ns + recording->unix_ns), &copy->from, &copy->to, data,
                                    copy->size, copy->kept);
    if (recording->bytes + recording->used + size + copy->kept > recording->max_bytes) {
        if (relay_recording_flush(recording))
            relay_recording_finish(recording, RELAY_RECORDING_FULL, 0);
        return;
    }
    if (recording->used + size + copy->kept > RELAY_RECORDING_BUFFER && !relay_recording_flush(recording))
        return;
    memcpy(recording->buffer + recording->used, header, size);
    memcpy(recording->buffer + recording->used + size, data, copy->kept);
    recording->used += size + copy->kept;
    relay_count(recording->packets, 1);
}
