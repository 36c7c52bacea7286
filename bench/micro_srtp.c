/* What SRTP costs a packet without its sockets: best nanoseconds of protect and unprotect for each suite, over many streams so
 * that contexts and state come from where they would under load.
 *
 * gcc -O2 -D_GNU_SOURCE -fno-strict-aliasing -Inative/crelay bench/micro_srtp.c \
 *     native/crelay/relay_srtp*.c -lcrypto -lm -o micro_srtp
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "relay_srtp.h"

#define STREAMS 1000
#define ROUNDS 300
#define PAYLOAD 160

static const char *const names[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM",
                                    "AEAD_AES_256_GCM", "AES_256_CM_HMAC_SHA1_80"};

struct stream {
    struct relay_srtp *sender, *receiver;
    struct relay_way_state sending, receiving;
    uint8_t packet[12 + PAYLOAD + RELAY_SRTP_ROOM];
    size_t size;
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void measure(struct relay_engine *engine, const char *name, struct stream *streams)
{
    double protect = 1e9, unprotect = 1e9; /* of the best round: what else the machine did only adds */
    struct relay_key key = {.suite = (uint8_t)relay_suite_named(name)};
    for (int i = 0; i < STREAMS; i++) {
        key.bytes[0] = (uint8_t)i;
        streams[i] = (struct stream){.sender = relay_srtp_open(engine, &key),
                                     .receiver = relay_srtp_open(engine, &key)};
        must(streams[i].sender != NULL && streams[i].receiver != NULL);
    }
    for (int round = 0; round < ROUNDS; round++) {
        double begun = now_ns();
        for (struct stream *stream = streams; stream < streams + STREAMS; stream++) {
            stream->packet[0] = 0x80;
            stream->packet[2] = (uint8_t)(round >> 8);
            stream->packet[3] = (uint8_t)round;
            stream->size = 12 + PAYLOAD;
            must(relay_srtp_protect(stream->sender, &stream->sending, false, stream->packet, &stream->size) == RELAY_SRTP_DONE);
        }
        double half = now_ns();
        for (struct stream *stream = streams; stream < streams + STREAMS; stream++)
            must(relay_srtp_unprotect(stream->receiver, &stream->receiving, false, stream->packet, &stream->size) ==
                 RELAY_SRTP_DONE);
        protect = fmin(protect, half - begun);
        unprotect = fmin(unprotect, now_ns() - half);
    }
    printf("%-24s protect %4.0f ns, unprotect %4.0f ns\n", name, protect / STREAMS, unprotect / STREAMS);
    for (int i = 0; i < STREAMS; i++) {
        relay_srtp_close(streams[i].sender);
        relay_srtp_close(streams[i].receiver);
    }
}

int main(void)
{
    struct stream *streams = calloc(STREAMS, sizeof *streams);
    struct relay_engine *engine = relay_engine_open();
    must(streams != NULL && engine != NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        measure(engine, names[i], streams);
    relay_engine_close(engine);
    free(streams);
    return 0;
}
