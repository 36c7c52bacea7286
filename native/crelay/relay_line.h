/* A line of a call (media.line.Line), which ports are lines' (media.chains.Chains), and which are free (media.ports.PortPool). */
#ifndef RELAY_LINE_H
#define RELAY_LINE_H

#include "relay_module.h"

#define RELAY_PORT_PAIRS (UINT16_MAX / 2 + 1)

/* Pairs are by side. Nothing in here leads back to the line, so the garbage collector need not know of it. */
typedef struct {
    PyObject_HEAD
    int kind; /* enum relay_kind */
    int recording;
    char bridged;
    PyObject *interfaces, *blocks; /* tuples */
    PyObject *streams;             /* list of int */
    PyObject *places, *held, *forwarded, *muted, *fed, *secured, *muxed;
    PyObject *suites; /* pair of str, empty where it is plain */
    PyObject *kept_keys, *kept_ice; /* or None */
} LineObject;

typedef struct {
    PyObject_HEAD
    PyObject *exits;                  /* dict: by (host, even port) the line, and the side that gets what arrives there */
    uint16_t known[RELAY_PORT_PAIRS]; /* by half the port: on how many hosts a line or a server is there */
} ChainsObject;

typedef struct {
    PyObject_HEAD
    PyObject *host, *bind;
    long dscp;
    int last_taken;
    uint16_t *ring; /* of ``room`` ports, the next of the ``used`` ones at ``head`` */
    uint32_t head, used, room;
    bool free[RELAY_PORT_PAIRS]; /* by half the port */
} PoolObject;

extern PyTypeObject relay_line_type, relay_chains_type, relay_pool_type, relay_lines_type;

/* The named tuple PortBlock. */
extern PyObject *relay_block_type;
enum { RELAY_BLOCK_PORT, RELAY_BLOCK_SOCKETS, RELAY_BLOCK_FIELDS };

/* An Endpoint (media.endpoint), one of the ``places``. */
enum {
    RELAY_ENDPOINT_RTP,
    RELAY_ENDPOINT_RTCP,
    RELAY_ENDPOINT_MODE,
    RELAY_ENDPOINT_LEARN_HOST,
    RELAY_ENDPOINT_HELD,
    RELAY_ENDPOINT_FIELDS
};

/* ``places`` and ``muted``: of a new line. */
PyObject *relay_line_make(PyTypeObject *class, int kind, PyObject *interfaces, PyObject *blocks, PyObject *streams, PyObject *places, PyObject *muted);

/* pair with another item; NULL with an exception set. */
PyObject *relay_pair_with(PyObject *pair, int side, PyObject *item);

/* Host and first port of a side, and how many pairs; borrowed. False with an exception set. */
bool relay_line_ports(const LineObject *line, int side, PyObject **host, long *port, Py_ssize_t *pairs);

/* False: nothing of ours has that port or the other one of its pair, on any host. */
static inline bool relay_chains_may_have(const ChainsObject *chains, uint16_t port) { return chains->known[port / 2] != 0; }

/* These return false with an exception set. */
bool relay_chains_enter(ChainsObject *self, LineObject *line);
bool relay_chains_leave(ChainsObject *self, LineObject *line);
bool relay_pool_give_back(PoolObject *self, PyObject *block);

/* A PortBlock; NULL without an exception when there are no ports. */
PyObject *relay_pool_take(PoolObject *self, long count);

#endif
