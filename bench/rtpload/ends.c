#include "ends.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "relay_srtp.h"

#define HEADER 12
#define PACKET 172
#define SAMPLES 160
#define SECURE (PACKET + 10)
#define ROOM (PACKET + RELAY_SRTP_ROOM)
#define SILENCE 0x55
#define BATCH 4
#define REMEMBERED 128 /* packets, by sequence number: 2.56 s */
#define KEY_DIGITS 60

struct end {
    int fd;
    uint16_t sequence; /* of the next packet */
    uint32_t ssrc;
    struct relay_srtp *srtp; /* NULL: plain */
    struct relay_way_state srtp_state;
    uint8_t *packets; /* SRTP's to be sent, by sequence number, SECURE bytes each */
    uint16_t made;    /* sequence number after the last of them */
    bool received;
    uint8_t last[ROOM]; /* as received */
    struct relay_key relay_key;
    uint64_t sent_ns[REMEMBERED];
};

static size_t room; /* for packets of an end */

static struct sockaddr_in address(const char *host, unsigned port)
{
    struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &made.sin_addr) != 1)
        die(host);
    return made;
}

static int open_socket(const struct sockaddr_in *own, const struct sockaddr_in *relay)
{
    int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)own, sizeof *own) < 0)
        die("bind");
    if (connect(fd, (const struct sockaddr *)relay, sizeof *relay) < 0)
        die("connect");
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) < 0)
        die("SO_TIMESTAMPNS");
    return fd;
}

static void put_word(uint8_t *at, uint32_t word)
{
    word = htonl(word);
    memcpy(at, &word, sizeof word);
}

static uint32_t word_at(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return ntohl(word);
}

static void make_packet(const struct end *end, uint16_t sequence, uint8_t *packet)
{
    packet[0] = 0x80;
    packet[1] = 0;
    packet[2] = (uint8_t)(sequence >> 8);
    packet[3] = (uint8_t)sequence;
    put_word(packet + 4, sequence * SAMPLES);
    put_word(packet + 8, end->ssrc);
    memset(packet + HEADER, SILENCE, PACKET - HEADER);
}

static bool read_key(const char *digits, struct relay_key *key)
{
    *key = (struct relay_key){0};
    if (strlen(digits) != KEY_DIGITS)
        return false;
    key->suite = RELAY_AES_CM_128_HMAC_SHA1_80;
    for (int i = 0; i < KEY_DIGITS / 2; i++) {
        unsigned byte;
        if (sscanf(digits + 2 * i, "%2x", &byte) != 1)
            return false;
        key->bytes[i] = (uint8_t)byte;
    }
    return true;
}

static uint8_t *secure_packet(const struct end *end, uint16_t sequence) { return end->packets + sequence % room * SECURE; }

static void encrypt(struct end *end, uint16_t sequence)
{
    uint8_t packet[ROOM];
    size_t size = PACKET;
    make_packet(end, sequence, packet);
    if (relay_srtp_protect(end->srtp, &end->srtp_state, false, packet, &size) != RELAY_SRTP_DONE || size != SECURE)
        die("SRTP");
    memcpy(secure_packet(end, sequence), packet, SECURE);
}

static struct end *add(struct ends *ends)
{
    if (ends->count == ends->room) {
        ends->room = ends->room ? 2 * ends->room : 1024;
        ends->end = realloc(ends->end, ends->room * sizeof *ends->end);
        if (ends->end == NULL)
            die("memory");
    }
    return &ends->end[ends->count++];
}

void ends_read(struct ends groups[], size_t count, size_t packets)
{
    char own[64], relay[64], own_digits[KEY_DIGITS + 1], relay_digits[KEY_DIGITS + 1];
    unsigned group, own_port, relay_port;
    room = packets;
    while (scanf("%u %63s %u %63s %u %60s %60s", &group, own, &own_port, relay, &relay_port, own_digits, relay_digits) == 7 &&
           group < count) {
        struct relay_key own_key;
        struct sockaddr_in from = address(own, own_port), to = address(relay, relay_port);
        struct end *end = add(&groups[group]);
        *end = (struct end){.fd = open_socket(&from, &to), .ssrc = 0x10000 + (uint32_t)groups[group].count};
        if (read_key(own_digits, &own_key) && read_key(relay_digits, &end->relay_key)) {
            end->srtp = relay_srtp_open(&own_key);
            end->packets = malloc(room * SECURE);
            if (end->srtp == NULL || end->packets == NULL)
                die("memory");
        }
    }
    for (group = 0; group < count; group++)
        if (groups[group].count == 0 || groups[group].count % 2 != 0) {
            fprintf(stderr, "rtpload: no calls on stdin\n");
            exit(1);
        }
}

void ends_prepare(struct ends *ends)
{
    for (size_t i = 0; i < ends->count; i++) {
        struct end *end = &ends->end[i];
        while (end->srtp != NULL && (uint16_t)(end->made - end->sequence) < room)
            encrypt(end, end->made++);
    }
}

void ends_send(struct ends *ends, size_t number, struct window *window)
{
    struct end *end = &ends->end[number];
    uint8_t plain[PACKET], *packet = plain;
    ssize_t size = end->srtp != NULL ? SECURE : PACKET;
    if (end->srtp != NULL)
        packet = secure_packet(end, end->sequence);
    else
        make_packet(end, end->sequence, plain);
    uint64_t now = now_ns();
    end->sent_ns[end->sequence++ % REMEMBERED] = now;
    bool measured = window_measures(window, now);
    if (send(end->fd, packet, (size_t)size, 0) == size)
        window->sent += measured;
    else
        window->send_errors += measured;
}

static uint64_t kernel_stamp(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        struct timespec stamp;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
        return (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec;
    }
    return 0;
}

static void count_packet(struct end *end, const struct end *peer, struct msghdr *message, const uint8_t *packet, size_t size,
                         struct window *window)
{
    if (size != (end->srtp != NULL ? SECURE : PACKET) || word_at(packet + 8) != peer->ssrc)
        return;
    uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    window_count(window, peer->sent_ns[sequence % REMEMBERED], kernel_stamp(message));
    memcpy(end->last, packet, size);
    end->received = true;
}

void ends_drain(struct ends *ends, size_t number, struct window *window)
{
    struct end *end = &ends->end[number];
    uint8_t packets[BATCH][ROOM];
    char controls[BATCH][64];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    int count;
    do {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){packets[i], sizeof packets[i]};
            messages[i].msg_hdr = (struct msghdr){
                .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = sizeof controls[i]};
        }
        count = recvmmsg(end->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++)
            count_packet(end, &ends->end[number ^ 1], &messages[i].msg_hdr, packets[i], messages[i].msg_len, window);
    } while (count == BATCH);
}

static bool as_sent(const struct end *end, const struct end *peer)
{
    uint8_t packet[ROOM], expected[PACKET];
    size_t size = SECURE;
    memcpy(packet, end->last, sizeof packet);
    if (end->srtp != NULL) {
        struct relay_way_state state = {0};
        struct relay_srtp *srtp = relay_srtp_open(&end->relay_key);
        if (srtp == NULL)
            die("memory");
        enum relay_srtp_result result = relay_srtp_unprotect(srtp, &state, false, packet, &size);
        relay_srtp_close(srtp);
        if (result != RELAY_SRTP_DONE)
            return false;
    }
    make_packet(peer, (uint16_t)(packet[2] << 8 | packet[3]), expected);
    return memcmp(packet, expected, PACKET) == 0;
}

int ends_check(const struct ends groups[], size_t count)
{
    size_t wrong = 0;
    for (size_t group = 0; group < count; group++)
        for (size_t i = 0; i < groups[group].count; i++) {
            const struct end *end = &groups[group].end[i], *peer = &groups[group].end[i ^ 1];
            wrong += end->received && !as_sent(end, peer);
        }
    if (wrong != 0)
        fprintf(stderr, "rtpload: %zu ends got packets that are not what the other end sent\n", wrong);
    return wrong != 0;
}
