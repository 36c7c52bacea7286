/* The stream table and the relay around it: layout, seals, checksums; a relay's life with the n-th acquiring call failing. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../check.h"
#include "relay_control.h"
#include "relay_socket.h"

static int calls, failing; /* ``failing`` 0: none */
static long allocated;

static bool fails(void) { return ++calls == failing; }

/* The linker gives us every call of these (-Wl,--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
int __real_memfd_create(const char *name, unsigned int flags);
int __real_ftruncate(int fd, off_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_epoll_create1(int flags);
int __real_eventfd(unsigned int value, int flags);
int __real_epoll_ctl(int epoll, int operation, int fd, void *event);
int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

void *__wrap_malloc(size_t size)
{
    void *memory = fails() ? NULL : __real_malloc(size);
    allocated += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *memory = fails() ? NULL : __real_calloc(count, size);
    allocated += memory != NULL;
    return memory;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    void *memory = fails() ? NULL : __real_aligned_alloc(alignment, size);
    allocated += memory != NULL;
    return memory;
}

void __wrap_free(void *memory)
{
    allocated -= memory != NULL;
    __real_free(memory);
}

#define OR_FAIL(call, failed) (fails() ? (errno = EMFILE, failed) : (call))

int __wrap_memfd_create(const char *name, unsigned int flags) { return OR_FAIL(__real_memfd_create(name, flags), -1); }
int __wrap_ftruncate(int fd, off_t size) { return OR_FAIL(__real_ftruncate(fd, size), -1); }
int __wrap_epoll_create1(int flags) { return OR_FAIL(__real_epoll_create1(flags), -1); }
int __wrap_eventfd(unsigned int value, int flags) { return OR_FAIL(__real_eventfd(value, flags), -1); }

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return OR_FAIL(__real_mmap(address, size, protection, flags, fd, offset), MAP_FAILED);
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, void *event)
{
    return OR_FAIL(__real_epoll_ctl(epoll, operation, fd, event), -1);
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    return fails() ? EAGAIN : __real_pthread_create(id, attributes, run, argument);
}

static int descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int port(void)
{
    union relay_address address;
    CHECK(relay_address_parse("127.0.0.1", 0, &address));
    return relay_bind(&address, 46);
}

/* A relay's whole life; RELAY_OK when nothing failed. */
static enum relay_error live(void)
{
    struct relay *relay = NULL, *successor = NULL;
    relay_sockets sockets = {{port(), port()}, {port(), port()}}, copies;
    uint32_t stream;
    enum relay_error error = relay_open(&relay, 2, 8, false, -1);
    if (error == RELAY_OK)
        error = relay_start(relay);
    bool added = error == RELAY_OK && (error = relay_add(relay, RELAY_RTP, sockets, -1, true, &stream)) == RELAY_OK;
    for (int i = 0; i < 4; i++)
        (&copies[0][0])[i] = dup((&sockets[0][0])[i]);
    if (added)
        error = relay_open(&successor, 1, 8, false, relay_table_fd(relay));
    bool adopted = error == RELAY_OK && (error = relay_adopt(successor, stream, copies)) == RELAY_OK;
    for (int i = 0; i < 4; i++) {
        if (!added)
            close((&sockets[0][0])[i]);
        if (!adopted)
            close((&copies[0][0])[i]);
    }
    if (adopted)
        CHECK(relay_remove(successor, stream) == RELAY_OK);
    if (successor != NULL)
        relay_close(successor);
    if (relay != NULL)
        relay_close(relay);
    return error;
}

static void each_failure_is_reported_and_leaves_nothing(void)
{
    failing = 0;
    CHECK(live() == RELAY_OK);
    int before = descriptors();
    long allocated_before = allocated;
    int failures = 0;
    for (failing = 1;; failing++) {
        calls = 0;
        enum relay_error error = live();
        bool hit = calls >= failing;
        CHECK(descriptors() == before);
        CHECK(allocated == allocated_before);
        if (!hit)
            break;
        failures += error != RELAY_OK;
        CHECK(error == RELAY_OK || error == RELAY_ERROR_MEMORY || error == RELAY_ERROR_SYSTEM);
    }
    failing = 0;
    CHECK(failures >= 25);
}

static void new_table_is_empty_and_can_be_attached(void)
{
    struct relay_table table, other;
    CHECK(relay_table_create(&table, 5) == RELAY_OK);
    CHECK(relay_table_attach(&other, table.fd) == RELAY_OK);
    CHECK(other.fd != table.fd && other.header->capacity == 5);
    for (uint32_t i = 0; i < 5; i++)
        CHECK(other.streams[i].state == RELAY_FREE);
    table.streams[4].dscp[1] = 7;
    CHECK(other.streams[4].dscp[1] == 7);
    CHECK(ftruncate(table.fd, 4096) < 0);
    uint64_t owner = relay_table_own(&table);
    CHECK(owner != 0 && relay_table_own(&other) != owner && table.header->owner == other.header->owner);
    table.header->capacity = 6;
    relay_table_close(&other);
    CHECK(relay_table_attach(&other, table.fd) == RELAY_ERROR_NOT_TABLE);
    relay_table_close(&table);
}

static void checksum_covers_what_control_owns(void)
{
    static struct relay_stream stream;
    relay_stream_seal(&stream);
    size_t first = offsetof(struct relay_stream, setting), last = offsetof(struct relay_stream, checksum);
    for (size_t offset = 0; offset < sizeof stream; offset++) {
        bool covered = offset >= first && offset < last + sizeof stream.checksum;
        ((uint8_t *)&stream)[offset] ^= 0x10;
        CHECK(relay_stream_intact(&stream) == !covered);
        ((uint8_t *)&stream)[offset] ^= 0x10;
    }
}

static void seqlock_reader_sees_all_or_nothing(void)
{
    uint32_t sequence = 0, seen;
    CHECK(relay_read_begin(&sequence, &seen) && relay_read_end(&sequence, seen));
    relay_write_begin(&sequence);
    CHECK(!relay_read_begin(&sequence, &seen) && !relay_read_end(&sequence, 0));
    relay_write_end(&sequence);
    CHECK(sequence == 2 && !relay_read_end(&sequence, 0));
    relay_write_begin(&sequence); /* a writer that died here is followed by another */
    relay_write_begin(&sequence);
    relay_write_end(&sequence);
    CHECK(sequence == 4);
}

int main(void)
{
    new_table_is_empty_and_can_be_attached();
    checksum_covers_what_control_owns();
    seqlock_reader_sees_all_or_nothing();
    each_failure_is_reported_and_leaves_nothing();
    return 0;
}
