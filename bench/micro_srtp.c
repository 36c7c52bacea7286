/* What SRTP costs a packet by itself: nanoseconds of protect and unprotect for each suite, over many streams so that contexts and
 * state come from where they would under load. With an argument, as in a relay thread: a datagram goes through the kernel before
 * each packet, while what that packet needs is fetched, so that caches are full of other things.
 *
 * gcc -O2 -D_GNU_SOURCE -fno-strict-aliasing -Inative/crelay bench/micro_srtp.c \
 *     native/crelay/relay_srtp*.c -lcrypto -o micro_srtp
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "relay_srtp.h"

#define STREAMS 1000
#define ROUNDS 100
#define PAYLOAD 160

static const char *const names[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM",
                                    "AEAD_AES_256_GCM", "AES_256_CM_HMAC_SHA1_80"};

struct way {
    struct relay_srtp *srtp;
    struct relay_srtp_reach reach;
    struct relay_way_state state;
};

struct stream {
    struct way sending, receiving;
    int sockets[2];
    uint8_t packet[12 + PAYLOAD + RELAY_SRTP_ROOM];
    size_t size;
};

static bool through_kernel;
static double costs[2][STREAMS * ROUNDS]; /* of protect, of unprotect */
static size_t counted[2];

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void open_way(struct way *way, const struct relay_key *key)
{
    *way = (struct way){.srtp = relay_srtp_open(key)};
    must(way->srtp != NULL);
    way->reach = relay_srtp_reach(way->srtp);
}

static void prepare(struct stream *stream, const struct way *way)
{
    char datagram[PAYLOAD];
    relay_srtp_fetch(way->srtp, &way->reach);
    __builtin_prefetch(&way->state.turn);
    __builtin_prefetch(&way->state.source[0], 1);
    if (through_kernel) {
        must(send(stream->sockets[0], stream->packet, sizeof datagram, 0) == sizeof datagram);
        must(recv(stream->sockets[1], datagram, sizeof datagram, 0) == sizeof datagram);
    }
}

static void run(struct stream *stream, bool receiving)
{
    struct way *way = receiving ? &stream->receiving : &stream->sending;
    prepare(stream, way);
    double begun = now_ns();
    enum relay_srtp_result result = (receiving ? relay_srtp_unprotect : relay_srtp_protect)(way->srtp, &way->state, false,
                                                                                           stream->packet, &stream->size);
    costs[receiving][counted[receiving]++] = now_ns() - begun;
    must(result == RELAY_SRTP_DONE);
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

/* The middle one, without what a look at the clock takes. */
static double cost_ns(bool receiving)
{
    double clock_ns = 1e9;
    for (int i = 0; i < 1000; i++) {
        double begun = now_ns(), taken = now_ns() - begun;
        clock_ns = taken < clock_ns ? taken : clock_ns;
    }
    qsort(costs[receiving], counted[receiving], sizeof **costs, compare);
    return costs[receiving][counted[receiving] / 2] - clock_ns;
}

static void measure(const char *name, struct stream *streams)
{
    struct relay_key key = {.suite = (uint8_t)relay_suite_named(name)};
    counted[0] = counted[1] = 0;
    for (int i = 0; i < STREAMS; i++) {
        key.bytes[0] = (uint8_t)i;
        open_way(&streams[i].sending, &key);
        open_way(&streams[i].receiving, &key);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (struct stream *stream = streams; stream < streams + STREAMS; stream++) {
            stream->packet[0] = 0x80;
            stream->packet[2] = (uint8_t)(round >> 8);
            stream->packet[3] = (uint8_t)round;
            stream->size = 12 + PAYLOAD;
            run(stream, false);
        }
        for (struct stream *stream = streams; stream < streams + STREAMS; stream++)
            run(stream, true);
    }
    printf("%-24s protect %4.0f ns, unprotect %4.0f ns\n", name, cost_ns(false), cost_ns(true));
    for (int i = 0; i < STREAMS; i++) {
        relay_srtp_close(streams[i].sending.srtp);
        relay_srtp_close(streams[i].receiving.srtp);
    }
}

int main(int count, char **arguments)
{
    (void)arguments;
    struct stream *streams = calloc(STREAMS, sizeof *streams);
    through_kernel = count > 1;
    must(streams != NULL);
    for (int i = 0; i < STREAMS && through_kernel; i++)
        must(socketpair(AF_UNIX, SOCK_DGRAM, 0, streams[i].sockets) == 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        measure(names[i], streams);
    free(streams);
    return 0;
}
