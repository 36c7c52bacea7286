#include "relay_table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay_srtp_index.h"

#define FIRST_OFFSET 4096
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static const char MAGIC[8] = {'s', 'i', 'p', 'm', 'R', 'T', 'P', '\n'};

const char *relay_error_text(enum relay_error error)
{
    static const char *const texts[] = {
        [RELAY_OK] = "no error",
        [RELAY_ERROR_SYSTEM] = "system call failed",
        [RELAY_ERROR_MEMORY] = "out of memory",
        [RELAY_ERROR_FULL] = "the stream table is full",
        [RELAY_ERROR_STREAM] = "no such stream",
        [RELAY_ERROR_ATTACHED] = "the stream has its sockets already",
        [RELAY_ERROR_SOCKET] = "not a UDP socket",
        [RELAY_ERROR_FAMILY] = "the remote's address family is not that of the side's socket",
        [RELAY_ERROR_NO_SOCKET] = "the stream needs an RTP socket on both sides",
        [RELAY_ERROR_CHECKSUM] = "checksum mismatch: the stream's entry was damaged or cut off while being written",
        [RELAY_ERROR_NOT_TABLE] = "not a stream table",
        [RELAY_ERROR_VERSION] = "a stream table of another version or layout",
        [RELAY_ERROR_OWNER] = "another relay has taken the stream table over",
        [RELAY_ERROR_NOT_RTP] = "the stream is not RTP",
        [RELAY_ERROR_RECORDING] = "no such recording",
        [RELAY_ERROR_RAW] = "not a raw socket for UDP (SOCK_RAW, IPPROTO_UDP), or more than one a thread and family",
        [RELAY_ERROR_FAST] = "not the maps of a fast path for so many streams, or too many interfaces",
        [RELAY_ERROR_STOPPED] = "the relay is stopped",
        [RELAY_ERROR_FORKED] = "the relay's threads are in the process that made it, which this one was forked from",
    };
    return texts[error];
}

static size_t table_size(uint32_t capacity)
{
    size_t entry = sizeof(struct relay_stream) + sizeof(struct relay_srtp_record) + sizeof(struct relay_srtp_kept) +
                   sizeof(struct relay_srtp_retired) + sizeof(struct relay_ice_record);
    return FIRST_OFFSET + capacity * entry;
}

static enum relay_error map_table(struct relay_table *table)
{
    void *base = mmap(NULL, table->size, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);
    if (base == MAP_FAILED)
        return RELAY_ERROR_SYSTEM;
    table->header = base;
    table->streams = (struct relay_stream *)((char *)base + FIRST_OFFSET);
    return RELAY_OK;
}

static void find_records(struct relay_table *table)
{
    table->records = (struct relay_srtp_record *)(table->streams + table->header->capacity);
    table->kept = (struct relay_srtp_kept *)(table->records + table->header->capacity);
    table->retired = (struct relay_srtp_retired *)(table->kept + table->header->capacity);
    table->ice = (struct relay_ice_record *)(table->retired + table->header->capacity);
}

enum relay_error relay_table_create(struct relay_table *table, uint32_t capacity)
{
    enum relay_error error = RELAY_ERROR_SYSTEM;
    *table = (struct relay_table){.size = table_size(capacity)};
    table->fd = memfd_create("sipmesh-streams", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (table->fd < 0)
        return error;
    if (ftruncate(table->fd, (off_t)table->size) < 0 || fcntl(table->fd, F_ADD_SEALS, SEALS) < 0)
        goto fail;
    if ((error = map_table(table)) != RELAY_OK)
        goto fail;
    struct relay_header *header = table->header;
    header->version = RELAY_TABLE_VERSION;
    header->stream_size = sizeof(struct relay_stream);
    header->capacity = capacity;
    header->first_offset = FIRST_OFFSET;
    memcpy(header->magic, MAGIC, sizeof header->magic);
    find_records(table);
    return RELAY_OK;
fail:
    relay_table_close(table);
    return error;
}

static enum relay_error check_header(const struct relay_table *table)
{
    const struct relay_header *header = table->header;
    if (memcmp(header->magic, MAGIC, sizeof header->magic) != 0)
        return RELAY_ERROR_NOT_TABLE;
    if (header->version != RELAY_TABLE_VERSION || header->stream_size != sizeof(struct relay_stream) ||
        header->first_offset != FIRST_OFFSET)
        return RELAY_ERROR_VERSION;
    if (header->capacity == 0 || header->capacity > RELAY_MAX_CAPACITY || table_size(header->capacity) != table->size)
        return RELAY_ERROR_NOT_TABLE;
    return RELAY_OK;
}

enum relay_error relay_table_attach(struct relay_table *table, int fd)
{
    struct stat status;
    enum relay_error error = RELAY_ERROR_SYSTEM;
    *table = (struct relay_table){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};
    if (table->fd < 0)
        return error;
    if (fstat(table->fd, &status) < 0)
        goto fail;
    error = RELAY_ERROR_NOT_TABLE;
    if (status.st_size < FIRST_OFFSET || (fcntl(table->fd, F_GET_SEALS) & SEALS) != SEALS)
        goto fail; /* without the seals somebody could shrink it under our feet */
    table->size = (size_t)status.st_size;
    if ((error = map_table(table)) != RELAY_OK || (error = check_header(table)) != RELAY_OK)
        goto fail;
    find_records(table);
    return RELAY_OK;
fail:
    relay_table_close(table);
    return error;
}

void relay_table_close(struct relay_table *table)
{
    int saved = errno;
    if (table->header != NULL)
        munmap(table->header, table->size);
    if (table->fd >= 0)
        close(table->fd);
    *table = (struct relay_table){.fd = -1};
    errno = saved;
}

/* Whether a source of that way ever gave way, under any of its keys. */
static bool has_retired(const struct relay_srtp_record *record, const struct relay_srtp_kept *kept, int side, int way)
{
    bool found = relay_way_is_full(&record->way[side][way]);
    for (int i = 0; i < RELAY_KEPT && record->kept[side][way]; i++)
        found |= relay_way_is_full(&kept->way[side][way][i]);
    return found;
}

void relay_record_wipe(const struct relay_table *table, uint32_t stream)
{
    static const uint8_t none[RELAY_SIDES][RELAY_WAYS];
    struct relay_srtp_record *record = relay_record_of(table, stream);
    for (int side = 0; side < RELAY_SIDES; side++)
        for (int way = 0; way < RELAY_WAYS; way++)
            if (has_retired(record, &table->kept[stream], side, way))
                memset(&table->retired[stream].way[side][way], 0, sizeof table->retired[stream].way[side][way]);
    if (memcmp(record->kept, none, sizeof none) != 0)
        memset(&table->kept[stream], 0, sizeof table->kept[stream]);
    memset(record, 0, sizeof *record);
}

uint64_t relay_table_own(struct relay_table *table)
{
    uint64_t number = 0;
    while (number == 0)
        if (getrandom(&number, sizeof number, 0) < 0)
            number = (uint64_t)getpid() << 32 ^ (uintptr_t)table;
    __atomic_store_n(&table->header->owner, number, __ATOMIC_SEQ_CST);
    return number;
}

/* FNV-1a over words; it finds torn writes, not malice. */
uint32_t relay_checksum(const void *data, size_t size)
{
    uint32_t sum = 2166136261u, word;
    for (size_t offset = 0; offset < size; offset += sizeof word) {
        memcpy(&word, (const char *)data + offset, sizeof word);
        sum = (sum ^ word) * 16777619u;
        sum ^= sum >> 15;
    }
    return sum;
}

static uint32_t stream_checksum(const struct relay_stream *stream)
{
    size_t first = offsetof(struct relay_stream, setting);
    return relay_checksum((const char *)stream + first, offsetof(struct relay_stream, checksum) - first);
}

void relay_stream_seal(struct relay_stream *stream) { relay_put(stream->checksum, stream_checksum(stream)); }

bool relay_stream_intact(const struct relay_stream *stream) { return stream->checksum == stream_checksum(stream); }

uint32_t relay_leg_checksum(const struct relay_leg *leg)
{
    const uint8_t small[4] = {leg->mode, leg->latched, leg->learn_family};
    uint32_t addresses = relay_checksum(&leg->remote, sizeof leg->remote) * 31 ^ relay_checksum(leg->learn, sizeof leg->learn);
    return relay_checksum(small, sizeof small) ^ addresses * 31;
}

void relay_words_put(void *shared, const void *local, size_t size)
{
    uint32_t word;
    for (size_t offset = 0; offset < size; offset += sizeof word) {
        memcpy(&word, (const char *)local + offset, sizeof word);
        __atomic_store_n((uint32_t *)((char *)shared + offset), word, __ATOMIC_RELAXED);
    }
}

void relay_words_get(void *local, const void *shared, size_t size)
{
    for (size_t offset = 0; offset < size; offset += sizeof(uint32_t)) {
        uint32_t word = __atomic_load_n((const uint32_t *)((const char *)shared + offset), __ATOMIC_RELAXED);
        memcpy((char *)local + offset, &word, sizeof word);
    }
}

void relay_flow_get(struct relay_flow *local, const struct relay_flow *shared)
{
    uint64_t words[sizeof *local / sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        words[i] = __atomic_load_n((const uint64_t *)shared + i, __ATOMIC_RELAXED);
    memcpy(local, words, sizeof *local);
}
