/* The least a relay on sockets can cost: epoll_wait, recvfrom and a send for each packet, and nothing else. No source is judged, nothing
 * is counted or learned. It sends as our relay does, by one raw socket with a UDP header of its own, or else by the stream's socket.
 *
 * usage: floor ADDRESS FIRST_PORT < calls
 *
 * A line of stdin is a call: "caller_ip caller_port callee_ip callee_port". The call with number n has, as in a relay, four sockets,
 * RTP and RTCP for each side: the caller sends to FIRST_PORT + 4 n, the callee to two ports above. Prints "ready" and relays until
 * it is killed.
 */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define EVENTS 64
#define DATAGRAM 2048
#define MOST_SOCKETS (1 << 16)

struct way {
    int out; /* socket */
    uint16_t from; /* its port, in network order */
    struct sockaddr_in to;
} __attribute__((aligned(32)));

static struct sockaddr_in own;
static struct way *ways; /* by the number of the socket that a packet came to */
static int raw, loop;
static uint32_t control_sum; /* of the UDP pseudo-header's part that is the same for all */
static struct {
    struct cmsghdr head;
    struct in_pktinfo body;
} control;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in address(const char *host, unsigned port)
{
    struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &made.sin_addr) != 1)
        die(host);
    return made;
}

static uint32_t sum(const void *data, size_t size, uint32_t so_far)
{
    uint64_t total = so_far;
    const uint8_t *bytes = data;
    for (uint32_t word; size >= sizeof word; size -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        total += word;
    }
    for (uint16_t half; size >= sizeof half; size -= sizeof half, bytes += sizeof half) {
        memcpy(&half, bytes, sizeof half);
        total += half;
    }
    if (size != 0)
        total += *bytes;
    total = (total & 0xffffffff) + (total >> 32);
    return (uint32_t)(total + (total >> 32));
}

static void open_raw(void)
{
    raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    if (raw < 0)
        return; /* not allowed: the streams' own sockets send */
    struct sockaddr_in nowhere = address("192.0.0.8", 0); /* nothing is sent there, so the raw socket gets no copies */
    int one = 1;
    setsockopt(raw, IPPROTO_IP, IP_FREEBIND, &one, sizeof one);
    if (bind(raw, (struct sockaddr *)&nowhere, sizeof nowhere) < 0)
        die("bind");
    control.head = (struct cmsghdr){CMSG_LEN(sizeof control.body), IPPROTO_IP, IP_PKTINFO};
    control.body.ipi_spec_dst = own.sin_addr;
    control_sum = sum(&own.sin_addr, sizeof own.sin_addr, htons(IPPROTO_UDP));
}

static int open_socket(unsigned port)
{
    struct sockaddr_in bound = own;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bound.sin_port = htons((uint16_t)port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&bound, sizeof bound) < 0)
        die("bind");
    return fd;
}

/* RTP's or RTCP's two ways of a call. */
static void watch(const unsigned ports[2], const struct sockaddr_in to[2])
{
    const int fds[2] = {open_socket(ports[0]), open_socket(ports[1])};
    for (int side = 0; side < 2; side++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[side]};
        if (fds[side] >= MOST_SOCKETS || epoll_ctl(loop, EPOLL_CTL_ADD, fds[side], &event) < 0)
            die("epoll_ctl");
        ways[fds[side]] = (struct way){fds[!side], htons((uint16_t)ports[!side]), to[!side]};
    }
}

static void read_calls(unsigned port)
{
    char caller[64], callee[64];
    unsigned caller_port, callee_port;
    for (; scanf("%63s %u %63s %u", caller, &caller_port, callee, &callee_port) == 4; port += 4)
        for (unsigned component = 0; component < 2; component++) {
            const struct sockaddr_in to[2] = {address(caller, caller_port + component), address(callee, callee_port + component)};
            watch((unsigned[]){port + component, port + 2 + component}, to);
        }
}

/* ``data`` has room for a UDP header before it. */
static void send_raw(const struct way *way, uint8_t *data, size_t size)
{
    struct udphdr udp = {.source = way->from, .dest = way->to.sin_port, .len = htons((uint16_t)(size + sizeof udp))};
    uint32_t total = sum(&way->to.sin_addr, sizeof way->to.sin_addr, control_sum);
    total = (total & 0xffff) + (total >> 16) + udp.source + udp.dest + 2u * udp.len;
    total = sum(data, size, total);
    total = (total & 0xffff) + (total >> 16);
    udp.check = (uint16_t)~(total + (total >> 16));
    if (udp.check == 0)
        udp.check = 0xffff;
    memcpy(data - sizeof udp, &udp, sizeof udp);
    struct sockaddr_in to = way->to;
    to.sin_port = 0;
    struct iovec packet = {data - sizeof udp, size + sizeof udp};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &packet, .msg_iovlen = 1,
                             .msg_control = &control, .msg_controllen = control.head.cmsg_len};
    sendmsg(raw, &message, MSG_DONTWAIT);
}

static void relay(int fd, uint8_t *data)
{
    const struct way *way = &ways[fd];
    struct sockaddr_in source;
    socklen_t length = sizeof source;
    __builtin_prefetch(way); /* it comes while the kernel copies the datagram */
    ssize_t size = recvfrom(fd, data, DATAGRAM, MSG_DONTWAIT, (struct sockaddr *)&source, &length);
    if (size >= 0 && raw >= 0)
        send_raw(way, data, (size_t)size);
    else if (size >= 0)
        sendto(way->out, data, (size_t)size, MSG_DONTWAIT, (const struct sockaddr *)&way->to, sizeof way->to);
}

int main(int count, char **arguments)
{
    static _Alignas(8) uint8_t room[sizeof(struct udphdr) + DATAGRAM];
    struct epoll_event events[EVENTS];
    if (count != 3) {
        fprintf(stderr, "usage: floor ADDRESS FIRST_PORT < calls\n");
        return 2;
    }
    own = address(arguments[1], 0);
    ways = aligned_alloc(_Alignof(struct way), MOST_SOCKETS * sizeof *ways);
    loop = epoll_create1(0);
    if (ways == NULL || loop < 0)
        die("epoll_create1");
    open_raw();
    read_calls((unsigned)strtoul(arguments[2], NULL, 10));
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}); /* if allowed, as the relays */
    puts("ready");
    fflush(stdout);
    for (;;)
        for (int i = 0, ready = epoll_wait(loop, events, EVENTS, -1); i < ready; i++)
            relay(events[i].data.fd, room + sizeof(struct udphdr));
}
