/* RTP load: thousands of calls, 172-byte packets every 20 ms each way through a relay, evenly spaced over the 20 ms.
 *
 * usage: rtpload WARM_UP_MS MEASURE_MS RELAY_PID < calls
 *
 * A line of stdin is one end of a call: "own_ip own_port relay_ip relay_port". Packets carry their send time; the kernel
 * stamps what arrives (SO_TIMESTAMPNS), so how late this program looks at it does not matter. A socket is drained when it is
 * its turn to send. Prints one JSON object: what was sent and received in the measured window, latency percentiles, the CPU
 * time of all threads of RELAY_PID in the window, and how late this program was itself.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 20000000ull
#define PACKET 172
#define BATCH 4
#define DRAIN_NS 300000000ull
#define LATE_NS 1000000ull

struct end {
    int fd;
    uint16_t sequence;
    uint32_t timestamp;
    uint32_t ssrc;
};

struct window {
    uint64_t first_ns, last_ns; /* of send stamps, CLOCK_REALTIME; UINT64_MAX: not yet */
    uint64_t sent, received, send_errors, late;
    uint64_t relayed; /* arrived in the window, whenever sent: what the relay's time was spent on */
    uint32_t *latency_ns;
    size_t room;
};

static struct end *ends;
static size_t end_count;
static struct window window = {.first_ns = UINT64_MAX, .last_ns = UINT64_MAX};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "rtpload: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address(const char *host, unsigned port)
{
    struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &made.sin_addr) != 1)
        die(host);
    return made;
}

static int open_end(const struct sockaddr_in *own, const struct sockaddr_in *relay)
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

static void read_ends(void)
{
    char own[64], relay[64];
    unsigned own_port, relay_port;
    size_t room = 0;
    while (scanf("%63s %u %63s %u", own, &own_port, relay, &relay_port) == 4) {
        if (end_count == room) {
            room = room ? 2 * room : 1024;
            ends = realloc(ends, room * sizeof *ends);
            if (ends == NULL)
                die("memory");
        }
        struct sockaddr_in from = address(own, own_port), to = address(relay, relay_port);
        ends[end_count] = (struct end){.fd = open_end(&from, &to), .ssrc = 0x10000 + (uint32_t)end_count};
        end_count++;
    }
    if (end_count == 0) {
        fprintf(stderr, "rtpload: no calls on stdin\n");
        exit(1);
    }
}

/* Neighbours in the relay's table are not neighbours in time. */
static void shuffle(void)
{
    srand(1);
    for (size_t i = end_count - 1; i > 0; i--) {
        size_t other = (size_t)rand() % (i + 1);
        struct end swapped = ends[i];
        ends[i] = ends[other];
        ends[other] = swapped;
    }
}

static void put_word(uint8_t *at, uint32_t word)
{
    word = htonl(word);
    memcpy(at, &word, sizeof word);
}

static void send_packet(struct end *end)
{
    uint8_t packet[PACKET] = {0x80, 0, (uint8_t)(end->sequence >> 8), (uint8_t)end->sequence};
    put_word(packet + 4, end->timestamp);
    put_word(packet + 8, end->ssrc);
    end->sequence++;
    end->timestamp += 160;
    uint64_t now = now_ns();
    memcpy(packet + 12, &now, sizeof now);
    bool measured = now >= window.first_ns && window.last_ns == UINT64_MAX;
    if (send(end->fd, packet, sizeof packet, 0) == PACKET)
        window.sent += measured;
    else
        window.send_errors += measured;
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

static void count_packet(struct msghdr *message, const uint8_t *packet, unsigned size)
{
    uint64_t sent_ns, received_ns = kernel_stamp(message);
    if (size != PACKET)
        return;
    memcpy(&sent_ns, packet + 12, sizeof sent_ns);
    window.relayed += received_ns >= window.first_ns && received_ns < window.last_ns;
    if (sent_ns < window.first_ns || sent_ns >= window.last_ns)
        return;
    uint64_t latency = received_ns > sent_ns ? received_ns - sent_ns : 0;
    if (window.received < window.room)
        window.latency_ns[window.received] = latency > UINT32_MAX ? UINT32_MAX : (uint32_t)latency;
    window.received++;
}

static void drain(struct end *end)
{
    uint8_t packets[BATCH][PACKET + 1];
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
            count_packet(&messages[i].msg_hdr, packets[i], messages[i].msg_len);
    } while (count == BATCH);
}

static void wait_until(uint64_t due)
{
    uint64_t now;
    while ((now = now_ns()) < due)
        if (due - now > 150000)
            nanosleep(&(struct timespec){.tv_nsec = (long)(due - now - 100000)}, NULL);
    window.late += now - due > LATE_NS && now >= window.first_ns && window.last_ns == UINT64_MAX;
}

/* CPU time of every thread, as the scheduler counts it. */
static uint64_t cpu_ns(const char *pid)
{
    char path[320];
    uint64_t sum = 0, one;
    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        die(path);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%lu", &one) == 1)
            sum += one;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

/* Time the hypervisor kept from all our processors, in milliseconds. */
static uint64_t stolen_ms(void)
{
    uint64_t steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL || fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %lu", &steal) != 1)
        steal = 0;
    if (file != NULL)
        fclose(file);
    return steal * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static size_t run_until(uint64_t start_ns, size_t slot, uint64_t end_ns)
{
    for (;; slot++) {
        uint64_t due = start_ns + slot * PERIOD_NS / end_count;
        if (due >= end_ns)
            return slot;
        wait_until(due);
        drain(&ends[slot % end_count]);
        send_packet(&ends[slot % end_count]);
    }
}

static int ascending(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static double percentile_us(double share)
{
    size_t count = window.received < window.room ? window.received : window.room;
    return count == 0 ? 0 : window.latency_ns[(size_t)(share * (double)(count - 1))] / 1000.0;
}

static void report(uint64_t relay_ns, uint64_t own_ns, uint64_t steal_ms)
{
    size_t count = window.received < window.room ? window.received : window.room;
    qsort(window.latency_ns, count, sizeof *window.latency_ns, ascending);
    printf("{\"sent\": %lu, \"received\": %lu, \"relayed\": %lu, \"send_errors\": %lu, \"late\": %lu, \"relay_cpu_ns\": %lu, "
           "\"own_cpu_ns\": %lu, \"window_ms\": %lu, \"steal_ms\": %lu, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n",
           window.sent, window.received, window.relayed, window.send_errors, window.late, relay_ns, own_ns,
           (window.last_ns - window.first_ns) / 1000000, steal_ms, percentile_us(0.5),
           percentile_us(0.99), percentile_us(0.999), percentile_us(1));
}

static uint64_t own_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: rtpload WARM_UP_MS MEASURE_MS RELAY_PID < calls\n");
        return 2;
    }
    uint64_t warm_up_ns = strtoull(arguments[1], NULL, 10) * 1000000u, measure_ns = strtoull(arguments[2], NULL, 10) * 1000000u;
    prctl(PR_SET_TIMERSLACK, 1);
    read_ends();
    shuffle();
    window.room = (size_t)(measure_ns / PERIOD_NS + 2) * end_count;
    window.latency_ns = calloc(window.room, sizeof *window.latency_ns);
    if (window.latency_ns == NULL)
        die("memory");
    memset(window.latency_ns, 1, window.room * sizeof *window.latency_ns); /* its pages are there before it counts */

    uint64_t start_ns = now_ns() + 1000000;
    size_t slot = run_until(start_ns, 0, start_ns + warm_up_ns);
    uint64_t relay_before = cpu_ns(arguments[3]), own_before = own_cpu_ns(), stolen_before = stolen_ms();
    window.first_ns = now_ns();
    slot = run_until(start_ns, slot, start_ns + warm_up_ns + measure_ns);
    window.last_ns = now_ns();
    uint64_t relay_ns = cpu_ns(arguments[3]) - relay_before, own_ns = own_cpu_ns() - own_before;
    uint64_t steal_ms = stolen_ms() - stolen_before;
    run_until(start_ns, slot, start_ns + warm_up_ns + measure_ns + DRAIN_NS);
    for (size_t i = 0; i < end_count; i++)
        drain(&ends[i]);
    report(relay_ns, own_ns, steal_ms);
    return 0;
}
