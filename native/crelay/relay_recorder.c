#include "relay_recorder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "relay_recording.h"
#include "relay_table.h"

#define PASS_MS 20

struct relay_recorder {
    struct relay_recording *recordings[RELAY_MOST_RECORDINGS]; /* control; never freed before the recorder is */
    struct relay_tape **tapes;
    uint32_t tape_count;
    int wake;
    uint32_t stop;
    pthread_t id;
    bool running;
};

static struct relay_recording *recording_at(struct relay_recorder *recorder, uint32_t number)
{
    return number < RELAY_MOST_RECORDINGS ? __atomic_load_n(&recorder->recordings[number], __ATOMIC_ACQUIRE) : NULL;
}

static void drain(struct relay_recorder *recorder, struct relay_tape *tape)
{
    const struct relay_taped *copy;
    for (uint32_t left = RELAY_TAPE_BYTES / sizeof *copy; left > 0 && (copy = relay_tape_next(tape)) != NULL; left--) {
        struct relay_recording *recording = recording_at(recorder, copy->recording);
        if (recording != NULL && relay_recording_is_open(recording))
            relay_recording_put(recording, copy);
        relay_tape_done(tape, copy);
    }
}

static bool is_to_settle(const struct relay_recording *recording)
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
        struct relay_recording *recording = recording_at(recorder, i);
        bool writing = recording != NULL && relay_recording_is_open(recording) && relay_recording_flush(recording);
        if (ended[i] && writing)
            relay_recording_finish(recording, RELAY_RECORDED, 0);
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
static bool is_gone(const struct relay_recording *recording)
{
    return recording->forgotten && __atomic_load_n(&recording->settled, __ATOMIC_ACQUIRE) != 0;
}

bool relay_recorder_begin(struct relay_recorder *recorder, int fd, uint64_t max_bytes, uint32_t *number)
{
    struct relay_recording *recording = NULL;
    uint32_t i = 0;
    while (i < RELAY_MOST_RECORDINGS && recorder->recordings[i] != NULL && !is_gone(recorder->recordings[i]))
        i++;
    if (i == RELAY_MOST_RECORDINGS)
        return false;
    recording = recorder->recordings[i] != NULL ? recorder->recordings[i] : calloc(1, sizeof *recording);
    if (recording == NULL)
        return false;
    relay_recording_begin(recording, fd, max_bytes);
    __atomic_store_n(&recorder->recordings[i], recording, __ATOMIC_RELEASE);
    *number = i;
    wake(recorder);
    return true;
}

void relay_recorder_end(struct relay_recorder *recorder, uint32_t number)
{
    struct relay_recording *recording = recording_at(recorder, number);
    if (recording == NULL || recording->forgotten)
        return;
    __atomic_store_n(&recording->ended, 1, __ATOMIC_RELEASE);
    wake(recorder);
}

bool relay_recorder_status(struct relay_recorder *recorder, uint32_t number, struct relay_recording_status *status)
{
    struct relay_recording *recording = recording_at(recorder, number);
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
    struct relay_recording *recording = recording_at(recorder, number);
    if (recording != NULL)
        __atomic_fetch_add(&recording->dropped, 1, __ATOMIC_RELAXED);
}
