#include "relay_recorder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "relay_pcap.h"
#include "relay_table.h"

#define PASS_MS 20
#define BUFFER_BYTES 16384

struct recording {
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
    uint8_t buffer[BUFFER_BYTES];
};

struct relay_recorder {
    struct recording *recordings[RELAY_MOST_RECORDINGS]; /* control; never freed before the recorder is */
    struct relay_tape **tapes;
    uint32_t tape_count;
    int wake;
    uint32_t stop;
    pthread_t id;
    bool running;
};

_Static_assert(BUFFER_BYTES >= RELAY_TAPE_MOST + RELAY_PCAP_MOST_HEADER, "a packet fits");

static struct recording *recording_at(struct relay_recorder *recorder, uint32_t number)
{
    return number < RELAY_MOST_RECORDINGS ? __atomic_load_n(&recorder->recordings[number], __ATOMIC_ACQUIRE) : NULL;
}

static bool is_open(const struct recording *recording)
{
    return __atomic_load_n(&recording->state, __ATOMIC_ACQUIRE) == RELAY_RECORDING;
}

static void finish(struct recording *recording, enum relay_recording_state state, int error)
{
    close(recording->fd);
    recording->fd = -1;
    recording->used = 0;
    relay_put(recording->error, error);
    __atomic_store_n(&recording->state, state, __ATOMIC_RELEASE);
}

/* On failure the file is cut where the last whole buffer ended, so that it stays readable. */
static bool flush(struct recording *recording)
{
    size_t done = 0;
    while (done < recording->used) {
        ssize_t size = write(recording->fd, recording->buffer + done, recording->used - done);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0) {
            int error = size < 0 ? errno : EIO;
            (void)!ftruncate(recording->fd, (off_t)recording->bytes);
            finish(recording, RELAY_RECORDING_FAILED, error);
            return false;
        }
        done += (size_t)size;
    }
    relay_count(recording->bytes, recording->used);
    recording->used = 0;
    return true;
}

static void write_copy(struct recording *recording, const struct relay_taped *copy)
{
    uint8_t header[RELAY_PCAP_MOST_HEADER];
    const uint8_t *data = (const uint8_t *)(copy + 1);
    size_t size = relay_pcap_header(header, (uint64_t)((int64_t)copy->at_ns + recording->unix_ns), &copy->from, &copy->to, data,
                                    copy->size, copy->kept);
    if (recording->bytes + recording->used + size + copy->kept > recording->max_bytes) {
        if (flush(recording))
            finish(recording, RELAY_RECORDING_FULL, 0);
        return;
    }
    if (recording->used + size + copy->kept > BUFFER_BYTES && !flush(recording))
        return;
    memcpy(recording->buffer + recording->used, header, size);
    memcpy(recording->buffer + recording->used + size, data, copy->kept);
    recording->used += size + copy->kept;
    relay_count(recording->packets, 1);
}

static void drain(struct relay_recorder *recorder, struct relay_tape *tape)
{
    const struct relay_taped *copy;
    for (uint32_t left = RELAY_TAPE_BYTES / sizeof *copy; left > 0 && (copy = relay_tape_next(tape)) != NULL; left--) {
        struct recording *recording = recording_at(recorder, copy->recording);
        if (recording != NULL && is_open(recording))
            write_copy(recording, copy);
        relay_tape_done(tape, copy);
    }
}

static bool is_to_settle(const struct recording *recording)
{
    return recording != NULL && __atomic_load_n(&recording->ended, __ATOMIC_ACQUIRE) != 0 && relay_get(recording->settled) == 0;
}

/* What was ended before the tapes are emptied has nothing on them afterwards. Returns how many are still open. */
static uint32_t pass(struct relay_recorder *recorder)
{
    bool ended[RELAY_MOST_RECORDINGS];
    uint32_t open = 0;
    for (uint32_t i = 0; i < RELAY_MOST_RECORDINGS; i++)
        ended[i] = is_to_settle(recording_at(recorder, i));
    for (uint32_t i = 0; i < recorder->tape_count; i++)
        drain(recorder, recorder->tapes[i]);
    for (uint32_t i = 0; i < RELAY_MOST_RECORDINGS; i++) {
        struct recording *recording = recording_at(recorder, i);
        bool writing = recording != NULL && is_open(recording) && flush(recording);
        if (ended[i] && writing)
            finish(recording, RELAY_RECORDED, 0);
        if (ended[i])
            __atomic_store_n(&recording->settled, 1, __ATOMIC_RELEASE);
        open += writing && !ended[i];
    }
    return open;
}

static void *run(void *argument)
{
    struct relay_recorder *recorder = argument;
    struct pollfd wake = {.fd = recorder->wake, .events = POLLIN};
    uint64_t requests;
    uint32_t open = 0;
    while (__atomic_load_n(&recorder->stop, __ATOMIC_ACQUIRE) == 0) {
        poll(&wake, 1, open != 0 ? PASS_MS : -1);
        (void)!read(recorder->wake, &requests, sizeof requests);
        open = pass(recorder);
    }
    return NULL;
}

static bool start(struct relay_recorder *recorder)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&recorder->id, NULL, run, recorder);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    recorder->running = failed == 0;
    if (recorder->running)
        pthread_setname_np(recorder->id, "recorder");
    else
        errno = failed;
    return recorder->running;
}

struct relay_recorder *relay_recorder_open(uint32_t tapes)
{
    struct relay_recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL)
        return NULL;
    recorder->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    recorder->tapes = calloc(tapes, sizeof *recorder->tapes);
    while (recorder->tapes != NULL && recorder->tape_count < tapes) {
        recorder->tapes[recorder->tape_count] = relay_tape_open();
        if (recorder->tapes[recorder->tape_count] == NULL)
            break;
        recorder->tape_count++;
    }
    if (recorder->wake >= 0 && recorder->tapes != NULL && recorder->tape_count == tapes && start(recorder))
        return recorder;
    int saved = errno;
    relay_recorder_close(recorder, true);
    errno = saved;
    return NULL;
}

struct relay_tape *relay_recorder_tape(struct relay_recorder *recorder, uint32_t tape) { return recorder->tapes[tape]; }

static void wake(struct relay_recorder *recorder)
{
    uint64_t one = 1;
    (void)!write(recorder->wake, &one, sizeof one);
}

static void finish_all(struct relay_recorder *recorder)
{
    if (recorder->running) {
        __atomic_store_n(&recorder->stop, 1, __ATOMIC_RELEASE);
        wake(recorder);
        pthread_join(recorder->id, NULL);
        pass(recorder);
    }
}

void relay_recorder_close(struct relay_recorder *recorder, bool own_thread)
{
    if (recorder == NULL)
        return;
    if (own_thread)
        finish_all(recorder);
    for (uint32_t i = 0; i < RELAY_MOST_RECORDINGS; i++) {
        if (recorder->recordings[i] != NULL && recorder->recordings[i]->fd >= 0)
            close(recorder->recordings[i]->fd);
        free(recorder->recordings[i]);
    }
    for (uint32_t i = 0; i < recorder->tape_count; i++)
        relay_tape_close(recorder->tapes[i]);
    free(recorder->tapes);
    if (recorder->wake >= 0)
        close(recorder->wake);
    free(recorder);
}

/* Whether a new one may have its place. */
static bool is_gone(const struct recording *recording)
{
    return recording->forgotten && __atomic_load_n(&recording->settled, __ATOMIC_ACQUIRE) != 0;
}

static int64_t unix_offset_ns(void)
{
    struct timespec real, steady;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &steady);
    return (int64_t)(real.tv_sec - steady.tv_sec) * 1000000000 + (real.tv_nsec - steady.tv_nsec);
}

bool relay_recorder_begin(struct relay_recorder *recorder, int fd, uint64_t max_bytes, uint32_t *number)
{
    struct recording *recording = NULL;
    uint32_t i = 0;
    while (i < RELAY_MOST_RECORDINGS && recorder->recordings[i] != NULL && !is_gone(recorder->recordings[i]))
        i++;
    if (i == RELAY_MOST_RECORDINGS)
        return false;
    recording = recorder->recordings[i] != NULL ? recorder->recordings[i] : calloc(1, sizeof *recording);
    if (recording == NULL)
        return false;
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
    __atomic_store_n(&recorder->recordings[i], recording, __ATOMIC_RELEASE);
    *number = i;
    wake(recorder);
    return true;
}

void relay_recorder_end(struct relay_recorder *recorder, uint32_t number)
{
    struct recording *recording = recording_at(recorder, number);
    if (recording == NULL || recording->forgotten)
        return;
    __atomic_store_n(&recording->ended, 1, __ATOMIC_RELEASE);
    wake(recorder);
}

bool relay_recorder_status(struct relay_recorder *recorder, uint32_t number, struct relay_recording_status *status)
{
    struct recording *recording = recording_at(recorder, number);
    if (recording == NULL || recording->forgotten)
        return false;
    status->state = (enum relay_recording_state)__atomic_load_n(&recording->state, __ATOMIC_ACQUIRE);
    status->error = relay_get(recording->error);
    status->packets = relay_get(recording->packets);
    status->bytes = relay_get(recording->bytes);
    status->dropped = relay_get(recording->dropped);
    recording->forgotten = status->state != RELAY_RECORDING && relay_get(recording->ended);
    return true;
}

void relay_recorder_dropped(struct relay_recorder *recorder, uint32_t number)
{
    struct recording *recording = recording_at(recorder, number);
    if (recording != NULL)
        __atomic_fetch_add(&recording->dropped, 1, __ATOMIC_RELAXED);
}
