/* What is kept until its sender is placed: in order, bounded by age, by stream and in all. */
#include "../check.h"
#include "relay_early.h"

#define MS 1000000ull
#define PACKET 20

static struct relay_early early;
static struct relay_stream streams[RELAY_EARLY_SLOTS / RELAY_EARLY_MOST + 2];
static const union relay_address source;

static void begin(void)
{
    memset(&early, 0, sizeof early);
    early.keep_ns = RELAY_EARLY_NS;
    memset(streams, 0, sizeof streams);
}

static void put(uint32_t number, uint8_t mark, uint64_t now_ns)
{
    const uint8_t data[PACKET] = {mark};
    relay_early_put(&early, streams, number << 2 | 1, &source, data, sizeof data, now_ns);
}

/* How many of the stream come out; they must be marked from ``first`` on. */
static uint32_t taken(uint32_t number, uint8_t first, uint64_t now_ns)
{
    const struct relay_early_slot *slot;
    uint32_t at = 0, leg, count = 0;
    streams[number].early = 0;
    for (; (slot = relay_early_take(&early, streams, number, &at, &leg, now_ns)) != NULL; count++) {
        CHECK(leg == (number << 2 | 1) && slot->size == PACKET);
        CHECK(relay_early_data(&early, slot)[0] == (uint8_t)(first + count));
    }
    return count;
}

static uint64_t strangers(uint32_t number) { return streams[number].rare[0][1].strangers; }

static void each_stream_gets_its_own_in_order(void)
{
    begin();
    for (uint8_t i = 0; i < 10; i++) {
        put(1, i, i * MS);
        put(2, (uint8_t)(100 + i), i * MS);
    }
    CHECK(streams[1].early == 10 && taken(1, 0, 20 * MS) == 10 && taken(1, 0, 20 * MS) == 0);
    CHECK(taken(2, 100, 20 * MS) == 10);
    CHECK(strangers(1) == 0 && early.dropped == 0);
}

static void the_old_is_dropped_and_counted(void)
{
    begin();
    for (uint8_t i = 0; i < 50; i++)
        put(1, i, i * 20 * MS);
    CHECK(streams[1].early == 26); /* of 480 to 980 ms; the others went as these came */
    CHECK(taken(1, 35, 1200 * MS) == 15); /* from 700 ms on */
    CHECK(strangers(1) == 35 && early.dropped == 35);
    put(1, 0, 5000 * MS);
    CHECK(early.count == 1 && taken(1, 0, 5500 * MS) == 1);
    put(1, 0, 6000 * MS);
    CHECK(taken(1, 0, 6501 * MS) == 0 && strangers(1) == 36);
}

static void a_flood_takes_no_more_than_its_streams_share(void)
{
    begin();
    put(2, 7, 0);
    for (uint32_t i = 0; i < 10000; i++)
        put(1, (uint8_t)i, MS);
    CHECK(streams[1].early == RELAY_EARLY_MOST && strangers(1) == 10000 - RELAY_EARLY_MOST);
    CHECK(taken(1, 0, 2 * MS) == RELAY_EARLY_MOST && taken(2, 7, 2 * MS) == 1);
}

static void when_all_is_full_the_oldest_goes(void)
{
    begin();
    const uint32_t last = RELAY_EARLY_SLOTS / RELAY_EARLY_MOST;
    for (uint32_t i = 0; i < RELAY_EARLY_SLOTS; i++)
        put(i / RELAY_EARLY_MOST, (uint8_t)(i % RELAY_EARLY_MOST), MS);
    CHECK(early.count == RELAY_EARLY_SLOTS && early.dropped == 0);
    put(last, 0, MS);
    put(last, 1, MS);
    CHECK(early.count == RELAY_EARLY_SLOTS && early.dropped == 2 && strangers(0) == 2);
    CHECK(taken(0, 2, MS) == RELAY_EARLY_MOST - 2 && taken(last, 0, MS) == 2);
    CHECK(taken(1, 0, MS) == RELAY_EARLY_MOST);
}

static void what_has_no_room_in_a_slot_is_not_kept(void)
{
    static const uint8_t large[RELAY_EARLY_BYTES + 1];
    begin();
    relay_early_put(&early, streams, 1 << 2 | 1, &source, large, sizeof large, 0);
    CHECK(streams[1].early == 0 && strangers(1) == 1);
    relay_early_put(&early, streams, 1 << 2 | 1, &source, large, RELAY_EARLY_BYTES, 0);
    relay_early_put(&early, streams, 1 << 2 | 1, &source, large, 0, 0);
    CHECK(streams[1].early == 2);
}

static void only_who_is_awaited_and_nowhere_may_wait(void)
{
    begin();
    struct relay_stream *stream = &streams[0];
    CHECK(!relay_early_may_wait(stream, 0, 1));
    stream->awaited = 1;
    CHECK(relay_early_may_wait(stream, 0, 1) && relay_early_may_wait(stream, 1, 1));
    stream->component[RELAY_RTP_COMPONENT][1].leg.mode = RELAY_SYMMETRIC;
    CHECK(!relay_early_may_wait(stream, 0, 1) && !relay_early_may_wait(stream, 1, 1) && relay_early_may_wait(stream, 0, 0));
    stream->awaited = 0;
    CHECK(!relay_early_may_wait(stream, 0, 0));
    stream->early = 1;
    CHECK(relay_early_may_wait(stream, 0, 0)); /* behind what is kept already */
}

int main(void)
{
    each_stream_gets_its_own_in_order();
    the_old_is_dropped_and_counted();
    a_flood_takes_no_more_than_its_streams_share();
    when_all_is_full_the_oldest_goes();
    what_has_no_room_in_a_slot_is_not_kept();
    only_who_is_awaited_and_nowhere_may_wait();
    return 0;
}
