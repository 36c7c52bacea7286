/* Batches of datagrams over one socket: recvmmsg and sendmmsg with destination address and drop counter.
 *
 * A batch owns its receive buffers. Bytes queued for sending are borrowed until their slot is released: `owner` says whose
 * they are. */
#ifndef SIP_UDP_H
#define SIP_UDP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "sip_base.h"

#define SIP_UDP_BATCH 64

union sip_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Where a datagram was sent to, or shall come from; family 0: not known. */
struct sip_near {
    sa_family_t family;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
    uint32_t scope;
};

struct sip_datagram {
    const char *data; /* in the batch; until the next receive */
    size_t size;
    const union sip_sockaddr *source;
    struct sip_near near;
};

#define SIP_UDP_ERRORS 16           /* read at a time */
#define SIP_UDP_ERROR_BYTES 512     /* more than most hosts send back */

/* What ICMP brought back of a datagram that did not arrive: its beginning, which may be nothing. */
struct sip_udp_error {
    union sip_sockaddr to;
    size_t size;
    char data[SIP_UDP_ERROR_BYTES];
};

struct sip_udp;

/* Makes the socket non-blocking and asks for what a batch needs; NULL with errno. The descriptor stays the caller's until
 * then. */
struct sip_udp *sip_udp_open(int fd);
void sip_udp_close(struct sip_udp *udp); /* closes the descriptor too */
int sip_udp_fd(const struct sip_udp *udp);
sa_family_t sip_udp_family(const struct sip_udp *udp);

/* Number of datagrams taken, 0 when there is nothing, -1 with errno when the socket is broken. Errors that ICMP left are
 * passed over. */
int sip_udp_receive(struct sip_udp *udp);
/* The i-th of the last receive; false when it was truncated, which is counted. */
bool sip_udp_datagram(struct sip_udp *udp, int i, struct sip_datagram *datagram);
uint32_t sip_udp_dropped(const struct sip_udp *udp);   /* by the kernel */
uint64_t sip_udp_oversized(const struct sip_udp *udp); /* truncated */

/* Asks the kernel to keep what ICMP says of datagrams that have left; -1 with errno. While something is kept, poll reports
 * an error on the socket. */
int sip_udp_ask_for_errors(int fd, sa_family_t family);
/* Datagrams that did not arrive: how many of SIP_UDP_ERRORS were filled. */
int sip_udp_read_errors(int fd, struct sip_udp_error *errors);
/* Whether something may be kept: an error was met since the last look, or a receive found nothing. Ends with the look. */
bool sip_udp_may_have_errors(struct sip_udp *udp);

/* Puts a datagram into the next slot; false when the batch is full. */
bool sip_udp_queue(struct sip_udp *udp, struct sip_slice data, const union sip_sockaddr *to, const struct sip_near *from,
    void *owner);
int sip_udp_pending(const struct sip_udp *udp);
/* Sends until the batch is empty or the kernel has no room. `done` is called for each datagram that leaves the batch, with 0
 * or the errno of its refusal. It must not call back into this socket. */
void sip_udp_flush(struct sip_udp *udp, void (*done)(void *context, void *owner, int error), void *context);
/* Drops what is pending: done with ECANCELED. */
void sip_udp_cancel(struct sip_udp *udp, void (*done)(void *context, void *owner, int error), void *context);

#endif
