/* Tapes, recordings and the pcap format: what is put comes out, in order and whole; what can't be written ends alone. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"
#include "relay_pcap.h"
#include "relay_recorder.h"

#define COPIES 300000u

static uint32_t size_of(uint32_t number) { return number * 2654435761u % 1500; }

static bool put(struct relay_tape *tape, uint32_t number)
{
    uint8_t data[1500];
    struct relay_taped head = {.kept = size_of(number), .size = size_of(number), .recording = number};
    memset(data, (int)(number & 0xff), sizeof data);
    return relay_tape_put(tape, &head, data);
}

static void check_copy(const struct relay_taped *copy, uint32_t number)
{
    const uint8_t *data = (const uint8_t *)(copy + 1);
    CHECK(copy->recording == number && copy->kept == size_of(number));
    for (uint32_t i = 0; i < copy->kept; i++)
        CHECK(data[i] == (number & 0xff));
}

static void test_a_full_tape_takes_nothing_until_it_is_read(void)
{
    struct relay_tape *tape = relay_tape_open();
    const struct relay_taped *copy;
    uint32_t written = 0, seen = 0;
    for (int round = 0; round < 5; round++) {
        while (put(tape, written))
            written++;
        CHECK(written - seen > RELAY_TAPE_BYTES / 1700);
        for (; (copy = relay_tape_next(tape)) != NULL; seen++) {
            check_copy(copy, seen);
            relay_tape_done(tape, copy);
        }
        CHECK(seen == written);
    }
    relay_tape_close(tape);
}

static void *write_all(void *argument)
{
    for (uint32_t number = 0; number < COPIES; number++)
        while (!put(argument, number))
            sched_yield();
    return NULL;
}

static void test_copies_come_in_order_while_they_are_written(void)
{
    struct relay_tape *tape = relay_tape_open();
    pthread_t writer;
    CHECK(pthread_create(&writer, NULL, write_all, tape) == 0);
    for (uint32_t number = 0; number < COPIES; number++) {
        const struct relay_taped *copy;
        while ((copy = relay_tape_next(tape)) == NULL)
            sched_yield();
        check_copy(copy, number);
        relay_tape_done(tape, copy);
    }
    CHECK(relay_tape_next(tape) == NULL);
    pthread_join(writer, NULL);
    relay_tape_close(tape);
}

static void tape_one(struct relay_recorder *recorder, uint32_t recording)
{
    uint8_t data[172] = {0x80};
    struct relay_taped head = {.kept = sizeof data, .size = sizeof data, .recording = recording};
    CHECK(relay_address_parse("192.0.2.1", 5000, &head.from) && relay_address_parse("192.0.2.2", 6000, &head.to));
    CHECK(relay_tape_put(relay_recorder_tape(recorder, 0), &head, data));
}

static struct relay_recording_status closed(struct relay_recorder *recorder, uint32_t recording)
{
    struct relay_recording_status status;
    do {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        CHECK(relay_recorder_status(recorder, recording, &status));
    } while (status.state == RELAY_RECORDING);
    return status;
}

static void test_a_file_that_can_not_be_written_ends_alone(void)
{
    struct relay_recorder *recorder = relay_recorder_open(1);
    struct relay_recording_status status;
    char name[] = "/tmp/test_recording.XXXXXX";
    int fd = mkstemp(name), full = open("/dev/full", O_WRONLY);
    uint32_t good, bad;
    struct stat file;
    CHECK(recorder != NULL && fd >= 0 && full >= 0);
    CHECK(relay_recorder_begin(recorder, fd, 1000, &good) && relay_recorder_begin(recorder, full, 1000, &bad));
    tape_one(recorder, bad);
    status = closed(recorder, bad);
    CHECK(status.state == RELAY_RECORDING_FAILED && status.error == ENOSPC && status.bytes == 0);
    tape_one(recorder, good);
    tape_one(recorder, bad);
    tape_one(recorder, 99); /* which nobody began */
    relay_recorder_end(recorder, good);
    status = closed(recorder, good);
    CHECK(status.state == RELAY_RECORDED && status.packets == 1 && status.bytes == RELAY_PCAP_FILE_HEADER + 16 + 28 + 172);
    CHECK(stat(name, &file) == 0 && (uint64_t)file.st_size == status.bytes);
    CHECK(!relay_recorder_status(recorder, good, &status)); /* told once, forgotten */
    relay_recorder_close(recorder, true);
    unlink(name);
}

static void test_there_are_so_many_at_once_and_places_come_free(void)
{
    struct relay_recorder *recorder = relay_recorder_open(1);
    uint32_t number = 0;
    for (int i = 0; i < RELAY_MOST_RECORDINGS; i++)
        CHECK(relay_recorder_begin(recorder, open("/dev/null", O_WRONLY), 1000, &number));
    CHECK(!relay_recorder_begin(recorder, -1, 1000, &number));
    relay_recorder_end(recorder, 7);
    closed(recorder, 7);
    CHECK(relay_recorder_begin(recorder, open("/dev/null", O_WRONLY), 1000, &number) && number == 7);
    relay_recorder_close(recorder, true);
}

static uint32_t sum(const uint8_t *data, size_t size)
{
    uint32_t total = 0;
    for (size_t i = 0; i < size; i++)
        total += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
    return total;
}

static void test_checksums(void)
{
    static const char *const hosts[2][2] = {{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8::2"}};
    const uint8_t data[] = {0x80, 0, 1, 2, 3};
    for (int v6 = 0; v6 < 2; v6++) {
        union relay_address from, to;
        uint8_t out[RELAY_PCAP_MOST_HEADER];
        size_t addresses = v6 ? 32 : 8, ip = v6 ? 40 : 20;
        CHECK(relay_address_parse(hosts[v6][0], 5000, &from) && relay_address_parse(hosts[v6][1], 6000, &to));
        CHECK(relay_pcap_header(out, 0, &from, &to, data, sizeof data, sizeof data) == 16 + ip + 8);
        uint32_t whole = sum(out + 16 + ip - addresses, addresses + 8) + sum(data, sizeof data) + 17 + 8 + sizeof data;
        CHECK((whole & 0xffff) + (whole >> 16) == 0xffff);
        CHECK(v6 || (sum(out + 16, 20) & 0xffff) + (sum(out + 16, 20) >> 16) == 0xffff);
    }
}

int main(void)
{
    test_a_full_tape_takes_nothing_until_it_is_read();
    test_copies_come_in_order_while_they_are_written();
    test_a_file_that_can_not_be_written_ends_alone();
    test_there_are_so_many_at_once_and_places_come_free();
    test_checksums();
    return 0;
}
