/* A UDP socket as the core sees it: the flows over it, and what waits in it for the end of the batch. */
#ifndef SIP_UDP_ENDPOINT_H
#define SIP_UDP_ENDPOINT_H

#include "sip_batches.h"
#include "sip_udp_type.h"

typedef struct UdpEndpointObject UdpEndpointObject;

/* A remote address and the address of ours that it talks to. Holds its endpoint, as the endpoint holds it until it is closed. */
typedef struct {
    PyObject_HEAD
    UdpEndpointObject *endpoint;
    PyObject *listener, *remote, *local_host;
    union sip_sockaddr to; /* family 0: `remote` is no address that the socket could send to */
    struct sip_near near;  /* `local_host` */
    bool is_bound;         /* sends from `near`, which is not what the socket would choose */
} UdpFlowObject;

/* By remote address; a table with open addressing (sip_udp_flows.c). */
struct sip_udp_flows {
    UdpFlowObject **slots; /* NULL when there is none */
    size_t count, mask;
};

#define SIP_UDP_FLOWS 65536 /* kept for the next datagram from their address */

UdpFlowObject *sip_udp_flows_find(const struct sip_udp_flows *flows, const union sip_sockaddr *remote); /* borrowed */
int sip_udp_flows_keep(struct sip_udp_flows *flows, UdpFlowObject *flow); /* in place of that with the same remote address */
void sip_udp_flows_clear(struct sip_udp_flows *flows);

/* What waits for the end of the batch (sip_udp_outbox.c). */
struct sip_udp_waiting {
    UdpFlowObject *flow;
    PyObject *data;
};
struct sip_udp_outbox {
    struct sip_udp_waiting *items;
    size_t count, room;
};

int sip_udp_outbox_put(struct sip_udp_outbox *outbox, UdpFlowObject *flow, PyObject *data);
void sip_udp_outbox_clear(struct sip_udp_outbox *outbox);

struct UdpEndpointObject {
    PyObject_HEAD
    UdpObject *socket;
    BatchesObject *batches; /* the engine */
    PyObject *listener, *host; /* host: of the listener */
    PyTypeObject *flow_type;
    struct sip_udp_flows flows;
    struct sip_udp_outbox outbox;
    char waits_to_write;
};

extern PyTypeObject sip_udp_flow_type, sip_udp_endpoint_type;

/* The flow of a datagram, and the one to an address of the form (host, port), by whichever address of ours was used last when
 * `local_host` is NULL. New references. */
UdpFlowObject *sip_udp_flow_from(UdpEndpointObject *self, const struct sip_datagram *datagram);
UdpFlowObject *sip_udp_flow_to(UdpEndpointObject *self, PyObject *remote, PyObject *local_host);

/* Of the native flow type itself; -1 with an exception. */
int sip_udp_flow_send(UdpFlowObject *flow, PyObject *data);

int sip_udp_endpoint_flush(UdpEndpointObject *self);
#define SIP_UDP_SHARE 8   /* datagrams, then what they led to is committed and leaves: of a burst, nobody waits for all */
#define SIP_UDP_BATCHES 4 /* taken before timers and connections have their turn */

/* One wake-up of the socket (sip_udp_ready.c). */
int sip_udp_endpoint_serve(UdpEndpointObject *self);

#endif
