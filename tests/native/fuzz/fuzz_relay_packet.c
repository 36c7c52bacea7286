/* Fuzz target: sequences of datagrams of any content from friends and strangers through a stream.
 *
 * Invariants: every packet is counted exactly once as accepted, stranger or malformed; what is dropped teaches nothing; no port of
 * RTCP's own takes anything from who multiplexes; what leaves has a destination; an opaque stream takes everything its peer sends;
 * nothing is read beyond the datagram.
 *
 * Input: a byte of stream set-up, then per packet: a byte (source, side, component), a length byte, that many bytes.
 */
#include <stdlib.h>

#include "../check.h"
#include "relay_packet.h"
#include "relay_rtp.h"

static union relay_address address(const char *host, uint16_t port)
{
    union relay_address made;
    CHECK(relay_address_parse(host, port, &made));
    return made;
}

static void set_up(struct relay_stream *stream, uint8_t choices)
{
    for (int side = 0; side < RELAY_SIDES; side++) {
        struct relay_setting setting = {.remote = address("192.0.2.1", (uint16_t)(4000 + side)),
                                        .mode = choices & 0x40 ? RELAY_HANDOVER : 1 + (choices >> side * 2 & 3),
                                        .learn_family = AF_INET, .learn = {192, 0, 2, 1}};
        stream->setting[0][side] = setting;
        for (int component = 0; component < RELAY_COMPONENTS; component++) {
            struct relay_leg *leg = &stream->component[component][side].leg;
            leg->fd = 3;
            leg->setting_sequence = component == 0 ? 2 : 0;
            leg->flags = (choices & 0x10 ? RELAY_FLAG_MUX : 0) | (choices & 0x20 ? RELAY_FLAG_OPAQUE : 0);
        }
    }
}

static uint64_t counted(const struct relay_stream *stream, int side)
{
    uint64_t sum = 0;
    for (int component = 0; component < RELAY_COMPONENTS; component++)
        sum += stream->component[component][side].flow.packets + stream->rare[component][side].strangers +
               stream->rare[component][side].malformed;
    return sum;
}

static void one_packet(struct relay_stream *stream, uint8_t choices, const uint8_t *data, size_t size, uint64_t now_ns)
{
    static const char *const hosts[] = {"192.0.2.1", "198.51.100.1", "2001:db8::1", "192.0.2.1"};
    int side = choices & 1, component = choices >> 1 & 1;
    union relay_address source = address(hosts[choices >> 2 & 3], (uint16_t)(4000 + side + 2 * (choices >> 4)));
    uint8_t *exact = malloc(size + 1); /* so that the sanitizer sees a read beyond it */
    struct relay_leg before = stream->component[component][side].leg;
    uint64_t counted_before = counted(stream, side), dropped = stream->rare[component][side].malformed,
             strangers = stream->rare[component][side].strangers;
    struct relay_route route = {0};
    CHECK(exact != NULL);
    memmove(exact + 1, data, size);
    struct relay_datagram datagram = {.data = exact + 1, .size = size, .source = source};
    bool forward = relay_packet(stream, NULL, component, side, &datagram, now_ns, &route);
    CHECK(counted(stream, side) == counted_before + 1);
    if (component == RELAY_RTCP_COMPONENT && (before.flags & RELAY_FLAG_MUX) != 0)
        CHECK(!forward && !route.latched && stream->rare[component][side].strangers != strangers);
    if (forward) {
        CHECK(route.fd >= 0 && relay_address_known(route.to));
        relay_packet_sent(&route, true);
    }
    if (!forward && stream->rare[component][side].malformed != dropped) {
        CHECK((before.flags & RELAY_FLAG_OPAQUE) == 0 && !route.latched);
        CHECK(relay_address_same(&before.remote, &stream->component[component][side].leg.remote) || before.taken == 0);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct relay_stream stream;
    memset(&stream, 0, sizeof stream);
    if (size == 0)
        return 0;
    set_up(&stream, data[0]);
    for (size_t at = 1, turn = 1; at + 2 <= size; turn++) {
        size_t length = data[at + 1] <= size - at - 2 ? data[at + 1] : size - at - 2;
        one_packet(&stream, data[at], data + at + 2, length, turn * 20000000u);
        at += 2 + length;
    }
    for (int side = 0; side < RELAY_SIDES; side++)
        (void)relay_flow_lost(&stream.component[0][side].flow);
    return 0;
}
