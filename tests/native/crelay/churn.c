/* The C core under traffic and control churn at once, for ThreadSanitizer: churn SECONDS.
 * Fails when the steady stream stops. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"
#include "relay_control.h"
#include "relay_socket.h"
#include "stun_request.h"

#define CHURNERS 2
#define SENDERS 2
#define PASSWORD "0123456789abcdefghijkl"

static struct relay *relay;
static uint32_t ended;

static int port(union relay_address *bound)
{
    union relay_address address;
    socklen_t length = sizeof *bound;
    CHECK(relay_address_parse("127.0.0.1", 0, &address));
    int fd = relay_bind(&address, 46);
    CHECK(fd >= 0 && getsockname(fd, &bound->any, &length) == 0);
    return fd;
}

struct stream {
    uint32_t number;
    union relay_address address[RELAY_SIDES][RELAY_COMPONENTS];
    pthread_mutex_t mutex; /* of address, which a churner changes while senders read it */
};

static struct stream churned[CHURNERS], steady;
static const struct relay_host nowhere[RELAY_SIDES];

static void add(struct stream *stream)
{
    relay_sockets sockets;
    union relay_address address[RELAY_SIDES][RELAY_COMPONENTS];
    memset(address, 0, sizeof address);
    for (int i = 0; i < 4; i++)
        sockets[i / 2][i % 2] = port(&address[i / 2][i % 2]);
    CHECK(relay_add(relay, RELAY_RTP, sockets, -1, true, &stream->number) == RELAY_OK);
    pthread_mutex_lock(&stream->mutex);
    memcpy(stream->address, address, sizeof address);
    pthread_mutex_unlock(&stream->mutex);
}

static void point(struct stream *stream, int side, uint16_t at, enum relay_mode mode)
{
    struct relay_remote remote = {.mode = mode};
    CHECK(relay_address_parse("127.0.0.1", at, &remote.address));
    relay_address_host(&remote.address, &remote.learn);
    CHECK(relay_set_remote(relay, stream->number, side, RELAY_RTP_COMPONENT, &remote) == RELAY_OK);
}

/* The same in one step, for both components. */
static void place(struct stream *stream, int side, uint16_t at, bool mux)
{
    struct relay_remote remotes[RELAY_COMPONENTS] = {{.mode = RELAY_HANDOVER}, {.mode = RELAY_FIXED}};
    for (int component = 0; component < RELAY_COMPONENTS; component++) {
        CHECK(relay_address_parse("127.0.0.1", (uint16_t)(at + component), &remotes[component].address));
        relay_address_host(&remotes[component].address, &remotes[component].learn);
    }
    CHECK(relay_place(relay, stream->number, side, remotes, mux) == RELAY_OK);
}

static void hold_back(struct stream *stream, int side, uint32_t what)
{
    CHECK(relay_set_blocked(relay, stream->number, side, what & 1) == RELAY_OK);
    CHECK(relay_set_silenced(relay, stream->number, side, what & 2) == RELAY_OK);
    CHECK(relay_set_without_feedback(relay, stream->number, side, what & 4) == RELAY_OK);
    CHECK(relay_set_blocked_types(relay, stream->number, side, what & 8 ? 1 << (101 - 96) : 0) == RELAY_OK);
}

/* One that is taken back as soon as packets may come to it. */
static void add_in_vain(void)
{
    relay_sockets sockets = {{-1, -1}, {-1, -1}};
    union relay_address address;
    uint32_t number;
    for (int side = 0; side < RELAY_SIDES; side++)
        sockets[side][0] = port(&address);
    CHECK(relay_add(relay, RELAY_OPAQUE, sockets, -1, true, &number) == RELAY_OK && relay_undo_add(relay, number) == RELAY_OK);
    for (int side = 0; side < RELAY_SIDES; side++)
        close(sockets[side][0]);
}

/* Ports that nobody sends from; there is room for some of them only. */
static void add_own(uint32_t turn)
{
    union relay_address host;
    CHECK(relay_address_parse("127.0.0.1", 0, &host));
    enum relay_error error = turn % 8 == 0 ? relay_add_own(relay, &host, 1, 2) : RELAY_OK;
    CHECK(error == RELAY_OK || error == RELAY_ERROR_MEMORY);
}

static void rekey(struct stream *stream, int side, uint8_t seed)
{
    struct relay_key keys[RELAY_WAYS] = {{.suite = seed % RELAY_SUITES}, {.suite = seed / 2 % RELAY_SUITES}};
    keys[RELAY_RECEIVE].bytes[0] = keys[RELAY_SEND].bytes[1] = seed;
    CHECK(relay_set_crypto(relay, stream->number, side, keys) == RELAY_OK);
}

/* Credentials that checks of the senders meet now and then. */
static void speak_ice(struct stream *stream, int side, uint32_t turn)
{
    struct relay_remote remotes[RELAY_COMPONENTS] = {{.mode = RELAY_ICE}, {.mode = RELAY_ICE}};
    const struct relay_ice_words words = {turn & 1 ? "ours" : "more", PASSWORD, "theirs", 4, sizeof PASSWORD - 1, turn & 2 ? 6 : 0};
    CHECK(relay_place(relay, stream->number, side, remotes, false) == RELAY_OK);
    CHECK(relay_set_ice(relay, stream->number, side, &words) == RELAY_OK);
}

static void record(struct stream *stream, uint32_t *recording)
{
    CHECK(relay_begin_recording(relay, open("/dev/null", O_WRONLY), 100000, recording) == RELAY_OK);
    CHECK(relay_tape_stream(relay, stream->number, *recording, nowhere) == RELAY_OK);
    CHECK(relay_tape_stream(relay, steady.number, *recording, nowhere) == RELAY_OK);
}

static void stop_recording(struct stream *stream, uint32_t recording)
{
    struct relay_recording_status status = {.state = RELAY_RECORDING};
    CHECK(relay_tape_stream(relay, stream->number, -1, nowhere) == RELAY_OK && relay_tape_stream(relay, steady.number, -1, nowhere) == RELAY_OK);
    CHECK(relay_end_recording(relay, recording) == RELAY_OK);
    while (status.state == RELAY_RECORDING && relay_get_recording(relay, recording, &status) == RELAY_OK)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void look(struct stream *stream)
{
    struct relay_stats stats;
    struct relay_raw_status raw;
    struct relay_totals totals[RELAY_COMPONENTS] = {0};
    uint64_t last_ns;
    uint32_t leg = 0, thread;
    relay_get_raw(relay, &raw);
    CHECK(raw.given_up == 0);
    for (int i = 0; i < 4; i++)
        CHECK(relay_get_stats(relay, stream->number, i / 2, i % 2, &stats) == RELAY_OK);
    CHECK(relay_add_totals(relay, stream->number, totals) == RELAY_OK);
    CHECK(relay_last_packet(relay, stream->number, &last_ns) == RELAY_OK);
    CHECK(relay_thread_of(relay, stream->number, &thread) == RELAY_OK && relay_turns(relay, thread) < UINT64_MAX);
    relay_events_seen(relay);
    for (; relay_next_latched(relay, &leg); leg++)
        continue;
}

/* Keys are waited for, and what comes of DTLS is read and answered. */
static void shake_hands(struct stream *stream, int side, bool on)
{
    struct relay_letter letter;
    union relay_address place = {.v4 = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    bool sent;
    CHECK(relay_set_dtls(relay, stream->number, side, on) == RELAY_OK);
    relay_inbox_seen(relay);
    while (relay_inbox_next(relay, &letter))
        CHECK(letter.size == 172 && letter.data[0] == 22);
    CHECK(relay_send(relay, stream->number, side, &place, (const uint8_t *)"x", 1, &sent) == RELAY_OK);
    CHECK(relay_latch_at(relay, stream->number, side, &place) == RELAY_OK);
    CHECK(relay_inbox_dropped(relay) < UINT64_MAX);
}

static void *churn(void *argument)
{
    struct stream *stream = argument;
    for (uint32_t turn = 0; !relay_get(ended); turn++) {
        uint32_t recording;
        add_own(turn);
        add_in_vain();
        add(stream);
        record(stream, &recording);
        for (uint16_t i = 1; i < 20; i++) {
            point(stream, i & 1, (uint16_t)(9000 + i), i % 5 == 0 ? RELAY_ANY : RELAY_SYMMETRIC);
            CHECK(relay_set_mux(relay, stream->number, i & 1, i & 2) == RELAY_OK);
            place(stream, !(i & 1), (uint16_t)(9100 + 2 * i), i & 8);
            hold_back(stream, i & 1, i / 2);
            CHECK(relay_set_dscp(relay, stream->number, i & 1, i & 8 ? 34 : 46) == RELAY_OK);
            CHECK(relay_set_clock(relay, stream->number, 96, i * 1000u) == RELAY_OK);
            CHECK(relay_set_reports(relay, stream->number, i & 2) == RELAY_OK);
            CHECK(relay_send_reports(relay, stream->number, "0123456789ab") == RELAY_OK);
            if (i % 3 == 0)
                speak_ice(stream, i & 1, turn + i);
            rekey(stream, i & 1, (uint8_t)(turn + i));
            if (i % 6 == 0)
                CHECK(relay_release(relay, stream->number) == RELAY_OK);
            shake_hands(stream, i & 1, i & 2);
            look(stream);
            look(&steady);
        }
        stop_recording(stream, recording);
        CHECK(relay_remove(relay, stream->number) == RELAY_OK);
        if (turn % 2 == 0)
            CHECK(relay_reap(relay) == RELAY_OK);
    }
    return NULL;
}

static void send_to(int fd, struct stream *stream, const uint8_t *packet, size_t size)
{
    union relay_address address[RELAY_SIDES][RELAY_COMPONENTS];
    pthread_mutex_lock(&stream->mutex);
    memcpy(address, stream->address, sizeof address);
    pthread_mutex_unlock(&stream->mutex);
    for (int i = 0; i < 4; i++)
        (void)!sendto(fd, packet, size, MSG_DONTWAIT, &address[i / 2][i % 2].any, sizeof address[i / 2][i % 2].v4);
}

static void *send_packets(void *argument)
{
    union relay_address own;
    int fd = port(&own);
    uint8_t packet[172] = {0x80, 96}, check[1024];
    (void)argument;
    for (uint16_t sequence = 0; !relay_get(ended); sequence++) {
        packet[0] = sequence % 5 == 0 ? 22 : 0x80;
        packet[1] = sequence % 7 == 0 ? 200 : 96;
        packet[2] = (uint8_t)(sequence >> 8);
        packet[3] = (uint8_t)sequence;
        size_t size = make_request(&(struct request){"ours:theirs", PASSWORD, sequence, true, .transaction = (uint8_t)sequence}, check);
        for (int i = 0; i < CHURNERS; i++) {
            send_to(fd, &churned[i], packet, sizeof packet);
            send_to(fd, &churned[i], check, size);
        }
        send_to(fd, &steady, packet, sizeof packet);
    }
    close(fd);
    return NULL;
}

/* One thread sends by it, where we may open it, the other by its streams' sockets. */
static void use_raw(void)
{
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    if (fd < 0)
        return;
    CHECK(setsockopt(fd, IPPROTO_IP, IP_TOS, &(int){46 << 2}, sizeof(int)) == 0 && relay_use_raw(relay, fd) == RELAY_OK);
    close(fd);
}

static uint64_t steady_packets(void)
{
    struct relay_stats stats;
    CHECK(relay_get_stats(relay, steady.number, 0, 0, &stats) == RELAY_OK);
    return stats.packets + stats.strangers;
}

int main(int count, char **arguments)
{
    pthread_t threads[CHURNERS + SENDERS];
    struct timespec length = {.tv_sec = count > 1 ? atoi(arguments[1]) : 2};
    CHECK(relay_open(&relay, 2, 16, false, -1) == RELAY_OK);
    use_raw();
    CHECK(relay_start(relay) == RELAY_OK);
    pthread_mutex_init(&steady.mutex, NULL);
    add(&steady);
    point(&steady, 0, 9000, RELAY_SYMMETRIC);
    point(&steady, 1, 9002, RELAY_SYMMETRIC);
    CHECK(relay_release(relay, steady.number) == RELAY_OK);
    for (int i = 0; i < CHURNERS; i++) {
        pthread_mutex_init(&churned[i].mutex, NULL);
        memcpy(churned[i].address, steady.address, sizeof steady.address);
        CHECK(pthread_create(&threads[i], NULL, churn, &churned[i]) == 0);
    }
    for (int i = 0; i < SENDERS; i++)
        CHECK(pthread_create(&threads[CHURNERS + i], NULL, send_packets, NULL) == 0);
    nanosleep(&length, NULL);
    uint64_t before = steady_packets();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    CHECK(steady_packets() > before);
    relay_put(ended, 1);
    for (int i = 0; i < CHURNERS + SENDERS; i++)
        pthread_join(threads[i], NULL);
    printf("%llu packets of the steady stream\n", (unsigned long long)steady_packets());
    relay_close(relay);
    return 0;
}
