/* The UdpSocket object, and the addresses it keeps in both forms: Python's and the kernel's. */
#ifndef SIP_UDP_TYPE_H
#define SIP_UDP_TYPE_H

#include "sip_py.h"
#include "sip_udp.h"

#define SIP_PLACES 1024 /* direct-mapped, a power of two */

/* What a queued datagram keeps alive until it is sent. */
struct sip_udp_owner {
    PyObject *data;
    PyObject *destination;
};

/* One address in both forms. */
struct sip_place {
    union sip_sockaddr address;
    PyObject *tuple; /* (host, port) */
};

typedef struct {
    PyObject_HEAD
    struct sip_udp *udp; /* NULL when closed */
    sa_family_t family;
    uint32_t dropped;    /* both counts as they were when it was closed */
    uint64_t oversized;
    PyObject *failed;    /* [(destination, errno)] of flushes that were not reported yet */
    struct sip_udp_owner owners[SIP_UDP_BATCH]; /* of the datagrams that wait: a ring, as they leave in order */
    unsigned next_owner;
    struct sip_near near; /* of the last datagram, and its host */
    PyObject *near_host;
    struct sip_place from[SIP_PLACES]; /* by socket address */
    struct sip_place to[SIP_PLACES];   /* by tuple */
} UdpObject;

/* (host, port). */
PyObject *sip_udp_address_tuple(const union sip_sockaddr *address);
/* The shared tuple of an address that was seen before. */
PyObject *sip_udp_cached_tuple(UdpObject *self, const union sip_sockaddr *address);
/* Host of our side; "" when the kernel did not say. */
PyObject *sip_udp_near_host(UdpObject *self, const struct sip_near *near);

/* ValueError and TypeError for what is no numeric address of the socket's family. */
int sip_udp_parse_host(PyObject *host, sa_family_t family, struct sip_near *out);
int sip_udp_destination(UdpObject *self, PyObject *destination, union sip_sockaddr *to);

bool sip_udp_same_address(const union sip_sockaddr *a, const union sip_sockaddr *b);
bool sip_udp_same_near(const struct sip_near *a, const struct sip_near *b);

bool sip_udp_is_open(UdpObject *self); /* ValueError when it isn't */

/* What ICMP brought back since the last look, a tuple of (destination, beginning of the datagram). */
PyObject *sip_udp_unreachable(UdpObject *self);

/* --- sip_udp_send.c --- */

/* Queues bytes for an address whose tuple is known. */
void sip_udp_put(UdpObject *self, PyObject *data, PyObject *destination, const union sip_sockaddr *to,
    const struct sip_near *from);

/* What the kernel refused is in `failed` then, and what it has no room for stays. */
void sip_udp_send_queued(UdpObject *self);
/* Notes that a datagram could not leave. */
void sip_udp_note_failed(UdpObject *self, PyObject *destination, int error);
/* What failed since the last call, a list; the caller's. */
PyObject *sip_udp_take_failed(UdpObject *self);
void sip_udp_drop_queued(UdpObject *self);

PyObject *sip_udp_queue_method(UdpObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *sip_udp_flush_method(UdpObject *self, PyObject *unused);
PyObject *sip_udp_send_method(UdpObject *self, PyObject *datagrams);

/* How new requests are to be refused (sip_udp_shed.c). */
struct sip_shed {
    PyObject *held; /* a tuple of dicts: requests whose server key one of them has are no news */
    Py_ssize_t room; /* new requests that may still pass */
    uint32_t retry_after_s;
    uint32_t workers, index; /* what the slot of a message gives to another of several workers is not ours to judge */
    Py_ssize_t refused;
};

/* `rules`: a tuple of room, retry_after_s, held, workers, index. -1 with an exception; else `shed` borrows of them. */
int sip_shed_by(struct sip_shed *shed, PyObject *rules);
/* 1: the datagram was refused, or ends a refusal; 0: it is to be handled; -1 with an exception. */
int sip_udp_shed(UdpObject *self, const struct sip_datagram *datagram, struct sip_shed *shed);

#endif
