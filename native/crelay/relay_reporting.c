#include "relay_reporting.h"

#include <sys/socket.h>

#include "relay_packet.h"
#include "relay_report.h"
#include "relay_rtp.h"
#include "relay_state.h"

#define SENDER_REPORT 200
#define RECEIVER_REPORT 201
#define SOURCE_DESCRIPTION 202
#define CNAME 1
#define VERSION_2 0x80
#define SENDS_NS UINT64_C(12000000000) /* who has sent within two intervals, and a little, is a sender (section 6.4) */

static uint8_t *put(uint8_t *at, uint32_t word)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(word >> shift);
    return at;
}

static uint8_t *put_head(uint8_t *at, unsigned count, unsigned type, size_t bytes)
{
    return put(at, (uint32_t)(VERSION_2 | count) << 24 | type << 16 | (uint32_t)(bytes / 4 - 1));
}

/* Section 6.4.1: what it has sent. Its clock goes on between its packets, and so does the timestamp. */
static uint8_t *put_sender(uint8_t *at, const struct relay_flow *sender, uint32_t clock_hz, uint64_t now_ns)
{
    uint64_t ntp = relay_ntp(now_ns);
    at = put(at, (uint32_t)(ntp >> 32));
    at = put(at, (uint32_t)ntp);
    at = put(at, relay_rtp_time(now_ns, clock_hz) - sender->transit);
    at = put(at, (uint32_t)sender->packets);
    return put(at, (uint32_t)(sender->bytes - RELAY_RTP_HEADER * sender->packets));
}

/* Section 6.4.1: how it was heard, since the last report and altogether. */
static uint8_t *put_block(uint8_t *at, const struct relay_flow *source, const struct relay_report *report,
                          struct relay_heard *heard, uint64_t now_ns)
{
    struct relay_heard now = {source->packets, relay_flow_lost(source)};
    int64_t lost = now.lost - heard->lost, expected = (int64_t)(now.packets - heard->packets) + lost;
    uint32_t fraction = lost <= 0 ? 0 : lost >= expected ? 255 : (uint32_t)(256 * lost / expected);
    int64_t total = now.lost > 0x7fffff ? 0x7fffff : now.lost < -0x800000 ? -0x800000 : now.lost;
    uint32_t held = report->sent_ns == 0 ? 0 : (uint32_t)(relay_ntp(now_ns - report->sent_ns) >> 16);
    *heard = now;
    at = put(at, source->ssrc);
    at = put(at, fraction << 24 | ((uint32_t)total & 0xffffff));
    at = put(at, source->extended_max);
    at = put(at, relay_flow_jitter(source));
    at = put(at, report->sent_ns == 0 ? 0 : report->sent);
    return put(at, held);
}

size_t relay_make_report(const struct relay_stream *stream, int side, struct relay_heard *heard, const char *cname,
                         uint64_t now_ns, uint8_t out[RELAY_REPORT_BYTES])
{
    const struct relay_flow *sender = &stream->component[RELAY_RTP_COMPONENT][!side].flow;
    const struct relay_flow *source = &stream->component[RELAY_RTP_COMPONENT][side].flow;
    uint32_t clock_hz = relay_clock_hz(stream, !side, sender->payload_type);
    if (!sender->started)
        return 0;
    bool sends = sender->timed && clock_hz != 0 && now_ns - sender->last_ns < SENDS_NS;
    size_t bytes = (sends ? 28 : 8) + (source->started ? 24 : 0);
    uint8_t *at = put_head(out, source->started, sends ? SENDER_REPORT : RECEIVER_REPORT, bytes);
    at = put(at, sender->ssrc);
    if (sends)
        at = put_sender(at, sender, clock_hz, now_ns);
    if (source->started)
        at = put_block(at, source, &stream->report[side], heard, now_ns);
    at = put_head(at, 1, SOURCE_DESCRIPTION, 24);
    at = put(at, sender->ssrc);
    *at++ = CNAME;
    *at++ = RELAY_CNAME_BYTES;
    memcpy(at, cname, RELAY_CNAME_BYTES);
    memset(at + RELAY_CNAME_BYTES, 0, 2); /* the end of the items, and of the word */
    return (size_t)(at + RELAY_CNAME_BYTES + 2 - out);
}

struct round {
    const struct relay_fast *fast;
    uint32_t number;
    struct relay_stream *stream;
    const struct relay_crypto *crypto;
    struct relay_heard *heard; /* by side */
    const char *cname;
};

static void report_to(const struct round *round, int side, uint64_t now_ns)
{
    uint8_t data[RELAY_REPORT_BYTES + RELAY_SRTP_ROOM];
    struct relay_route route;
    const struct relay_crypto *crypto = round->crypto;
    bool held_back = (relay_get(relay_leg_of(round->stream, RELAY_RTP_COMPONENT, !side)->flags) & RELAY_FLAG_BLOCKED) != 0;
    size_t size = relay_make_report(round->stream, side, &round->heard[side], round->cname, now_ns, data);
    if (crypto != NULL && relay_crypto_waits(crypto, side, RELAY_SEND))
        return;
    if (size == 0 || held_back || !relay_find_way(round->stream, RELAY_RTCP_COMPONENT, !side, &route))
        return;
    if (crypto != NULL && crypto->way[side][RELAY_SEND] != NULL &&
        relay_srtp_protect(crypto->way[side][RELAY_SEND], &crypto->record->way[side][RELAY_SEND], true, data, &size) !=
            RELAY_SRTP_DONE)
        return;
    (void)!sendto(route.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &route.to->any, relay_address_length(route.to));
}

/* The thread's part: the counters, the way and what SRTP keeps are its own. */
static void report_to_both(void *argument)
{
    const struct round *round = argument;
    uint64_t now_ns = relay_now_ns();
    if (relay_fast_has(round->fast, round->number))
        relay_fast_fetch(round->fast, round->number, round->stream);
    for (int side = 0; side < RELAY_SIDES; side++)
        report_to(round, side, now_ns);
}

enum relay_error relay_send_reports(struct relay *relay, uint32_t number, const char *cname)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    struct round round = {relay->fast, number, stream, relay->crypto[number], relay->heard[number], cname};
    if (relay_get(stream->reports) != 0 && relay->attached[number])
        relay_thread_run(&relay->threads[stream->thread], report_to_both, &round);
    return relay_unlock(relay, RELAY_OK);
}

enum relay_error relay_set_reports(struct relay *relay, uint32_t number, bool reports)
{
    struct relay_stream *stream;
    enum relay_error error = relay_lock_stream(relay, number, &stream);
    if (error != RELAY_OK)
        return error;
    if (reports && stream->kind != RELAY_RTP)
        return relay_unlock(relay, RELAY_ERROR_NOT_RTP);
    if (reports && relay_get(stream->reports) == 0)
        memset(relay->heard[number], 0, sizeof relay->heard[number]);
    relay_put(stream->reports, reports);
    return relay_unlock(relay, RELAY_OK);
}
