/* The lock, and who may take it. */
#include "relay_state.h"

static uint32_t forks; /* of this process's forefathers since they loaded this */
static int not_counted;

static void count_fork(void) { forks++; }

static void begin_counting(void) { not_counted = pthread_atfork(NULL, NULL, count_fork); }

enum relay_error relay_count_forks(struct relay *relay)
{
    static pthread_once_t begun = PTHREAD_ONCE_INIT;
    pthread_once(&begun, begin_counting);
    relay->forks = forks;
    return not_counted == 0 ? RELAY_OK : RELAY_ERROR_MEMORY;
}

bool relay_forked(const struct relay *relay) { return forks != relay->forks; }

static enum relay_error check_usable(const struct relay *relay)
{
    if (relay->stopped)
        return RELAY_ERROR_STOPPED;
    return relay_get(relay->table.header->owner) == relay->owner ? RELAY_OK : RELAY_ERROR_OWNER;
}

enum relay_error relay_lock(struct relay *relay)
{
    if (relay_forked(relay))
        return RELAY_ERROR_FORKED; /* the mutex may have been copied locked */
    pthread_mutex_lock(&relay->mutex);
    enum relay_error error = check_usable(relay);
    if (error != RELAY_OK)
        pthread_mutex_unlock(&relay->mutex);
    return error;
}

enum relay_error relay_unlock(struct relay *relay, enum relay_error error)
{
    pthread_mutex_unlock(&relay->mutex);
    return error;
}

static enum relay_error find(struct relay *relay, uint32_t number, struct relay_stream **stream)
{
    if (number >= relay->table.header->capacity || relay->table.streams[number].state != RELAY_ACTIVE)
        return RELAY_ERROR_STREAM;
    *stream = &relay->table.streams[number];
    return RELAY_OK;
}

enum relay_error relay_lock_stream(struct relay *relay, uint32_t number, struct relay_stream **stream)
{
    enum relay_error error = relay_lock(relay);
    if (error == RELAY_OK && (error = find(relay, number, stream)) != RELAY_OK)
        relay_unlock(relay, error);
    return error;
}
