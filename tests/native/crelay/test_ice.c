/* The lite agent of a leg, in virtual time: who is let in, who is sent to, what is answered. */
#include "../check.h"
#include "relay_ice.h"
#include "relay_latch.h"
#include "stun_request.h"

#define SECOND 1000000000ull
#define PASSWORD "0123456789abcdefghijkl"
#define OTHER "another password, long"

struct world {
    struct relay_stream stream;
    struct relay_ice_record record;
    struct relay_own own;
    struct relay_ice_answer answer;
    uint64_t now_ns;
    uint8_t transaction;
};

static union relay_address at(const char *host, uint16_t port)
{
    union relay_address address;
    memset(&address, 0, sizeof address);
    CHECK(relay_address_parse(host, port, &address));
    return address;
}

static void be(struct world *world, const char *ufrag, const char *peer)
{
    struct relay_ice_side *side = &world->record.side[0];
    side->generation += strcmp(side->ufrag, ufrag) != 0;
    strcpy(side->ufrag, ufrag);
    strcpy(side->password, PASSWORD);
    side->ufrag_bytes = (uint8_t)strlen(ufrag);
    side->password_bytes = sizeof PASSWORD - 1;
    side->peer = *peer != '\0' ? relay_ice_name((const uint8_t *)peer, strlen(peer)) : 0;
    relay_ice_settle(&world->stream, &world->record, 0);
}

static struct world begin(void)
{
    struct world world;
    memset(&world, 0, sizeof world);
    for (int component = 0; component < RELAY_COMPONENTS; component++) {
        world.stream.setting[component][0].mode = RELAY_ICE;
        relay_leg_of(&world.stream, component, 0)->setting_sequence = 2;
    }
    world.now_ns = 100 * SECOND;
    be(&world, "ours", "theirs");
    return world;
}

static enum relay_ice_outcome take(struct world *world, uint8_t *data, size_t size, union relay_address source)
{
    const struct relay_datagram datagram = {.data = data, .size = size, .source = source, .own = &world->own};
    return relay_ice_take(&world->stream, &world->record, 0, 0, &datagram, world->now_ns, &world->answer);
}

static enum relay_ice_outcome ask(struct world *world, const struct request *request, union relay_address source)
{
    uint8_t data[1024];
    return take(world, data, make_request(request, data), source);
}

/* A sound check; whether media moved. */
static bool check(struct world *world, const char *username, uint32_t priority, bool nominates, union relay_address source)
{
    struct request request = {username, PASSWORD, priority, nominates, .transaction = ++world->transaction, .fingerprint = true};
    CHECK(ask(world, &request, source) == RELAY_ICE_ANSWERED);
    CHECK(world->answer.data[0] == 1 && world->answer.data[1] == 1);
    return world->answer.moved;
}

static bool is_sent_to(const struct world *world, union relay_address address)
{
    return relay_address_same(&world->stream.component[0][0].leg.remote, &address);
}

static bool may_send(const struct world *world, union relay_address address)
{
    return relay_ice_has_passed(&world->record, 0, 0, &address);
}

static unsigned code_of(const struct world *world) { return world->answer.data[26] * 100u + world->answer.data[27]; }

static void test_who_passed_may_send_and_who_is_nominated_is_sent_to(void)
{
    struct world world = begin();
    CHECK(!may_send(&world, at("192.0.2.1", 1)));
    CHECK(!check(&world, "ours:theirs", 10, false, at("192.0.2.1", 1)));
    CHECK(may_send(&world, at("192.0.2.1", 1)) && !relay_address_known(&world.stream.component[0][0].leg.remote));
    CHECK(check(&world, "ours:theirs", 10, true, at("192.0.2.1", 1)));
    CHECK(is_sent_to(&world, at("192.0.2.1", 1)) && !may_send(&world, at("192.0.2.1", 2)));
    CHECK(world.record.leg[0][0].answered == 2);
}

static void test_a_nomination_of_higher_priority_wins_at_once_another_when_the_place_is_quiet(void)
{
    struct world world = begin();
    check(&world, "ours:theirs", 10, true, at("192.0.2.1", 1));
    CHECK(check(&world, "ours:theirs", 20, true, at("2001:db8::1", 2)) && is_sent_to(&world, at("2001:db8::1", 2)));
    CHECK(!check(&world, "ours:theirs", 15, true, at("192.0.2.1", 1)));
    CHECK(!check(&world, "ours:theirs", 20, true, at("192.0.2.1", 3)));
    world.now_ns += 2 * SECOND;
    check(&world, "ours:theirs", 20, false, at("2001:db8::1", 2));
    world.now_ns += 2 * SECOND;
    CHECK(!check(&world, "ours:theirs", 15, true, at("192.0.2.1", 1)));
    world.now_ns += 2 * SECOND;
    CHECK(check(&world, "ours:theirs", 15, true, at("192.0.2.1", 1)) && is_sent_to(&world, at("192.0.2.1", 1)));
    CHECK(may_send(&world, at("2001:db8::1", 2)));
}

static void test_errors_say_what_is_wrong_and_teach_nothing(void)
{
    static const struct {
        struct request request;
        unsigned code;
    } wrong[] = {
        {{.username = "ours:theirs"}, 400},
        {{.password = PASSWORD}, 400},
        {{.username = "ours:theirs", .password = OTHER}, 401},
        {{.username = "other:theirs", .password = PASSWORD}, 401}, /* as of another line */
        {{.username = "ours", .password = PASSWORD}, 401},
        {{.username = "ours:theirs", .password = PASSWORD, .extra = 0x7f00}, 420},
        {{.username = "ours:theirs", .password = PASSWORD, .controlled = true}, 487},
    };
    struct world world = begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct request request = wrong[i].request;
        request.transaction = (uint8_t)i;
        request.nominates = true;
        enum relay_ice_outcome outcome = ask(&world, &request, at("192.0.2.1", 1));
        CHECK(outcome == RELAY_ICE_ANSWERED && code_of(&world) == wrong[i].code && !world.answer.moved);
        CHECK(world.record.leg[0][0].refused == i + 1 && !may_send(&world, at("192.0.2.1", 1)));
    }
    CHECK(world.record.leg[0][0].answered == 0);
}

static void test_errors_are_few_and_never_longer_than_what_they_answer(void)
{
    static uint8_t bare[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    struct world world = begin();
    CHECK(take(&world, bare, sizeof bare, at("192.0.2.1", 1)) == RELAY_ICE_DROPPED);
    int answered = 0;
    for (int i = 0; i < 100; i++)
        answered += ask(&world, &(struct request){.username = "ours:theirs", .password = OTHER}, at("192.0.2.1", 1)) == RELAY_ICE_ANSWERED;
    CHECK(answered == 16 && world.record.leg[0][0].refused == 101);
    check(&world, "ours:theirs", 1, true, at("192.0.2.1", 1)); /* who knows the password is not held up by those who don't */
    world.now_ns += SECOND;
    CHECK(ask(&world, &(struct request){.username = "ours:theirs", .password = OTHER}, at("192.0.2.1", 1)) == RELAY_ICE_ANSWERED);
}

static void test_a_replay_from_elsewhere_teaches_nothing(void)
{
    const struct request request = {"ours:theirs", PASSWORD, 10, true, .transaction = 7, .fingerprint = true};
    struct world world = begin();
    CHECK(ask(&world, &request, at("192.0.2.1", 1)) == RELAY_ICE_ANSWERED);
    CHECK(ask(&world, &request, at("192.0.2.9", 1)) == RELAY_ICE_DROPPED);
    CHECK(!may_send(&world, at("192.0.2.9", 1)) && is_sent_to(&world, at("192.0.2.1", 1)) && world.record.leg[0][0].refused == 1);
    CHECK(ask(&world, &request, at("192.0.2.1", 1)) == RELAY_ICE_ANSWERED); /* sent again, as UDP may lose the answer */
}

static void test_damage_is_counted_and_not_answered(void)
{
    struct world world = begin();
    uint8_t data[1024];
    const struct request request = {"ours:theirs", PASSWORD, 10, true, .fingerprint = true};
    size_t size = make_request(&request, data);
    data[size - 1] ^= 1; /* FINGERPRINT */
    CHECK(take(&world, data, size, at("192.0.2.1", 1)) == RELAY_ICE_DROPPED);
    CHECK(take(&world, data, size - 8, at("192.0.2.1", 1)) == RELAY_ICE_DROPPED);
    CHECK(world.stream.rare[0][0].malformed == 2 && !may_send(&world, at("192.0.2.1", 1)));
    size = make_request(&request, data);
    data[0] = 1; /* a response to a question we never asked */
    CHECK(take(&world, data, size - 8, at("192.0.2.1", 1)) == RELAY_ICE_DROPPED);
    data[0] = 0, data[1] = 0x11; /* an indication */
    data[3] = (uint8_t)(data[3] - 8);
    CHECK(take(&world, data, size - 8, at("192.0.2.1", 1)) == RELAY_ICE_DROPPED && world.stream.rare[0][0].strangers == 1);
}

static void test_before_the_answer_checks_are_answered_and_what_they_say_waits(void)
{
    struct world world = begin();
    be(&world, "ours", "");
    CHECK(!check(&world, "ours:one", 10, true, at("192.0.2.1", 1)));
    CHECK(!check(&world, "ours:two", 20, true, at("192.0.2.2", 1)));
    CHECK(!may_send(&world, at("192.0.2.1", 1)));
    be(&world, "ours", "one");
    CHECK(is_sent_to(&world, at("192.0.2.1", 1)) && !may_send(&world, at("192.0.2.2", 1)));
    be(&world, "ours", "two"); /* another branch of a forked call */
    CHECK(is_sent_to(&world, at("192.0.2.2", 1)) && !may_send(&world, at("192.0.2.1", 1)));
    be(&world, "ours", "three");
    CHECK(!relay_address_known(&world.stream.component[0][0].leg.remote) && !may_send(&world, at("192.0.2.2", 1)));
}

static void test_a_restart_keeps_the_place_until_the_next_nomination(void)
{
    struct world world = begin();
    check(&world, "ours:theirs", 20, true, at("192.0.2.1", 1));
    be(&world, "again", "changed");
    CHECK(is_sent_to(&world, at("192.0.2.1", 1)) && may_send(&world, at("192.0.2.1", 1)));
    CHECK(ask(&world, &(struct request){"ours:theirs", PASSWORD, 20, true, .transaction = 200}, at("192.0.2.3", 1)) == RELAY_ICE_ANSWERED);
    CHECK(code_of(&world) == 401);
    CHECK(!check(&world, "again:changed", 10, false, at("192.0.2.2", 1)));
    CHECK(check(&world, "again:changed", 10, true, at("192.0.2.2", 1)) && is_sent_to(&world, at("192.0.2.2", 1)));
    CHECK(!may_send(&world, at("192.0.2.1", 1)));
}

static void test_of_many_addresses_the_one_in_use_stays(void)
{
    struct world world = begin();
    check(&world, "ours:theirs", 1, true, at("192.0.2.1", 1));
    for (uint16_t port = 2; port < 200; port++) {
        world.now_ns += SECOND / 100;
        check(&world, "ours:theirs", 1, false, at("192.0.2.1", port));
    }
    CHECK(is_sent_to(&world, at("192.0.2.1", 1)) && may_send(&world, at("192.0.2.1", 1)));
    CHECK(may_send(&world, at("192.0.2.1", 199)) && may_send(&world, at("192.0.2.1", 196)) && !may_send(&world, at("192.0.2.1", 2)));
}

static void test_ports_of_the_relay_itself_pass_no_check(void)
{
    struct world world = begin();
    union relay_address host = at("192.0.2.1", 0);
    CHECK(relay_own_add(&world.own, &host, 1, 10));
    CHECK(ask(&world, &(struct request){"ours:theirs", PASSWORD, 1, true, .transaction = 1}, at("192.0.2.1", 5)) == RELAY_ICE_DROPPED);
    CHECK(!may_send(&world, at("192.0.2.1", 5)) && world.stream.rare[0][0].strangers == 1);
}

static void test_a_leg_of_another_mode_lets_stun_be(void)
{
    struct world world = begin();
    world.stream.setting[0][0].mode = RELAY_SYMMETRIC;
    relay_leg_of(&world.stream, 0, 0)->setting_sequence += 2;
    CHECK(ask(&world, &(struct request){"ours:theirs", PASSWORD, 1, true, .transaction = 1}, at("192.0.2.1", 5)) == RELAY_ICE_NOT);
}

static void test_a_lite_party_is_at_its_default_candidate(void)
{
    struct world world = begin();
    world.stream.setting[0][0].remote = at("192.0.2.1", 5000);
    relay_leg_of(&world.stream, 0, 0)->setting_sequence += 2;
    be(&world, "ours", "theirs");
    CHECK(is_sent_to(&world, at("192.0.2.1", 5000)));
    union relay_address given = at("192.0.2.1", 5000), next = at("192.0.2.1", 5001);
    CHECK(relay_judge(&world.stream, 0, 0, &given, world.now_ns) == RELAY_KNOWN);
    CHECK(relay_judge(&world.stream, 0, 0, &next, world.now_ns) != RELAY_KNOWN);
}

int main(void)
{
    test_who_passed_may_send_and_who_is_nominated_is_sent_to();
    test_a_nomination_of_higher_priority_wins_at_once_another_when_the_place_is_quiet();
    test_errors_say_what_is_wrong_and_teach_nothing();
    test_errors_are_few_and_never_longer_than_what_they_answer();
    test_a_replay_from_elsewhere_teaches_nothing();
    test_damage_is_counted_and_not_answered();
    test_before_the_answer_checks_are_answered_and_what_they_say_waits();
    test_a_restart_keeps_the_place_until_the_next_nomination();
    test_of_many_addresses_the_one_in_use_stays();
    test_ports_of_the_relay_itself_pass_no_check();
    test_a_leg_of_another_mode_lets_stun_be();
    test_a_lite_party_is_at_its_default_candidate();
    return 0;
}
