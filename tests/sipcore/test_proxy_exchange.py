"""The application's part in a proxied request: what it is told, in which order, and what it may change."""

import pytest

from native.sip import (
    SEES_BRANCH_ENDS,
    SEES_END,
    SEES_FAILED_END,
    SEES_FAILURES,
    SEES_PROVISIONALS,
    SEES_REQUESTS,
    SEES_SUCCESSES,
)
from sipcore.errors import UsageError
from sipcore.flow import Destination
from sipcore.ports import Target
from sipcore.proxy.branch import MAX_WAITING
from tests.sipcore.proxy_world import Phone, Recorder, World, call, start_of


def pair(*hold: str) -> tuple[World, Phone, Phone, Recorder]:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    world.app.exchange = recorder = Recorder()
    recorder.hold = set(hold)
    return world, alice, bob, recorder


def test_everything_that_passes_is_shown_in_order() -> None:
    world, alice, bob, recorder = pair()
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 100)
    bob.reply(invite, 180)
    bob.reply(invite, 200)
    bob.reply(invite, 200)
    world.run()
    assert recorder.events == [
        "out 0 INVITE",
        "in 0 180",
        "branch 0 ended 200",
        "in 0 200",
        "ended 200",
        "in 0 200",
    ]
    assert len(alice.got(200)) == 2


class Reader(Recorder):
    def response_in(self, branch, response, proceed) -> None:
        assert response.to_tag
        super().response_in(branch, response, proceed)


@pytest.mark.parametrize(
    ("spoiled", "seen"), [((183,), [100, 183, 200]), ((183, 180), [100, 183, 200]), ((200,), [100, 183, 502])]
)
def test_what_can_not_be_read_of_a_response_that_waited_is_the_callees_error(spoiled: tuple[int, ...], seen: list[int]) -> None:
    world, alice, bob, _ = pair()
    world.app.exchange = reader = Reader()
    reader.hold = {"183"}
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 183)
    for status in (*spoiled, 200):
        response = invite.reply(status, to_tag="b", headers=[("Contact", bob.contact)])
        if status in spoiled:
            response.set("To", "<sip:bob@example.com>;tag=b;;")
        bob.send(response)
    world.run()
    reader.hold = set()
    reader.held.pop()()
    world.run()
    assert [response.status for response in alice.got()] == seen
    assert world.counters["sip_proxy_responses_malformed_total"] >= len(spoiled)
    assert not world.counters["sip_internal_errors_total"]


def test_only_the_chosen_failure_is_shown() -> None:
    world, alice, bob, recorder = pair()
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 404)
    carol.reply(carol.expect("INVITE"), 486)
    world.run()
    assert recorder.events[2:] == ["branch 0 ended 404", "branch 1 ended 486", "in 0 404", "ended 404"]


@pytest.mark.parametrize(
    ("sees", "status", "told"),
    [
        (SEES_REQUESTS, 200, ["out 0 INVITE"]),
        (SEES_PROVISIONALS, 200, ["in 0 180"]),
        (SEES_SUCCESSES, 200, ["in 0 200"]),
        (SEES_SUCCESSES, 486, []),
        (SEES_FAILURES, 486, ["in 0 486"]),
        (SEES_BRANCH_ENDS, 486, ["branch 0 ended 486"]),
        (SEES_END, 200, ["ended 200"]),
        (SEES_END, 486, ["ended 486"]),
        (SEES_FAILED_END, 200, []),
        (SEES_FAILED_END, 486, ["ended 486"]),
    ],
)
def test_who_looks_on_is_told_what_he_sees(sees: int, status: int, told: list[str]) -> None:
    world, alice, bob, recorder = pair()
    recorder.looks_on, recorder.sees = True, sees
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 180)
    bob.reply(invite, status)
    world.run()
    assert recorder.events == told
    assert [start for start in map(start_of, alice.got()) if start != "100"] == ["180", str(status)]


def test_messages_may_be_rewritten_before_they_leave() -> None:
    world, alice, bob, _ = pair()

    class Rewriter(Recorder):
        def request_out(self, branch, request, proceed) -> None:
            request.set_body(f"via {branch.via_branch}".encode(), "text/plain")
            proceed()

        def response_in(self, branch, response, proceed) -> None:
            response.set_body(b"answer", "text/plain")
            proceed()

    world.app.exchange = Rewriter()
    alice.request("INVITE", "sip:bob@example.com", body=b"offer")
    world.run()
    invite = bob.expect("INVITE")
    assert invite.body == f"via {invite.via.branch}".encode()
    assert invite.get("Content-Length") == str(len(invite.body))
    bob.reply(invite, 200)
    world.run()
    assert alice.expect(200).body == b"answer"


def test_a_final_response_waits_behind_a_provisional_one() -> None:
    world, alice, bob, recorder = pair("183")
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 183)
    bob.reply(invite, 180)
    bob.reply(invite, 200)
    world.run()
    assert not alice.got(180, 183, 200)
    recorder.held.pop()()
    world.run()
    assert [message.status for message in alice.got(180, 183, 200)] == [183, 180, 200]


def test_branches_do_not_wait_for_each_other() -> None:
    world, alice, bob, recorder = pair("183")
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 183)
    carol.reply(carol.expect("INVITE"), 180)
    world.run()
    assert alice.got(180)
    assert not alice.got(183)
    recorder.held.pop()()
    world.run()
    assert alice.got(183)


def test_a_provisional_let_through_after_the_final_response_is_dropped() -> None:
    world, alice, bob, recorder = pair("183")
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 183)
    carol.reply(carol.expect("INVITE"), 200)
    world.run()
    recorder.held.pop()()
    world.run()
    assert alice.got(200)
    assert not alice.got(183)


def test_a_cancel_while_the_request_waits_ends_it_unsent() -> None:
    world, alice, bob, recorder = pair("INVITE")
    sent = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    alice.cancel(sent)
    world.run()
    alice.expect(200)
    alice.expect(487)
    assert recorder.events == ["out 0 INVITE", "branch 0 ended 487", "ended 487"]
    assert recorder.cancelled == [True]
    recorder.held.pop()()
    world.run()
    bob.expect_nothing()


def test_a_branch_that_waits_is_cancelled_when_another_answers() -> None:
    world, alice, bob, _ = pair()
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)

    class HoldSecond(Recorder):
        def request_out(self, branch, request, proceed) -> None:
            if branch.index == 1:
                self.held.append(proceed)
            else:
                proceed()

    world.app.exchange = recorder = HoldSecond()
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 200)
    world.run()
    recorder.held.pop()()
    world.run()
    alice.expect(200)
    carol.expect_nothing()
    assert recorder.events == ["branch 0 ended 200", "branch 1 ended 487", "in 0 200", "ended 200"]


def test_a_request_may_be_refused_for_one_branch() -> None:
    world, alice, bob, _ = pair()
    carol = world.phone("192.0.2.30")
    world.app.targets["bob@example.com"] = [Target(bob.contact), Target(carol.contact, group=1)]

    class RefuseFirst(Recorder):
        def request_out(self, branch, request, proceed) -> None:
            proceed(488 if branch.index == 0 else 0)

    world.app.exchange = RefuseFirst()
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.expect_nothing()
    carol.reply(carol.expect("INVITE"), 200)
    world.run()
    alice.expect(200)


def test_a_request_refused_for_every_branch_is_answered_so() -> None:
    world, alice, bob, recorder = pair("INVITE")
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    recorder.held.pop()(488, "No Common Codec")
    world.run()
    answer = alice.expect(488)
    assert answer.reason == "No Common Codec"
    assert recorder.events == ["out 0 INVITE", "branch 0 ended 488", "ended 488"]
    bob.expect_nothing()


def test_a_decline_for_one_branch_ends_those_that_did_not_start() -> None:
    world, alice, bob, _ = pair()
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)

    class Decline(Recorder):
        def request_out(self, branch, request, proceed) -> None:
            self.events.append(f"out {branch.index}")
            proceed(603, "Not Tonight")

    world.app.exchange = recorder = Decline()
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    assert alice.expect(603).reason == "Not Tonight"
    assert recorder.events == ["out 0", "branch 0 ended 603", "branch 1 ended 487", "ended 603"]
    carol.expect_nothing()


def test_the_application_may_answer_a_dialog_request_itself() -> None:
    world, alice, bob, _ = pair()
    _, answer = call(world, alice, bob)
    world.app.on_dialog_request = lambda request, cookie: request.reply(403)  # type: ignore[method-assign]
    alice.within(answer, "INFO")
    world.run()
    alice.expect(403)
    bob.expect_nothing()


@pytest.mark.parametrize("status", [183, 200, 404])
def test_a_response_may_be_turned_into_a_failure(status: int) -> None:
    world, alice, bob, recorder = pair(str(status))
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    other = carol.expect("INVITE")
    carol.reply(other, 180)
    bob.reply(bob.expect("INVITE"), status)
    if status == 404:
        carol.reply(other, 486)
    world.run()
    recorder.held.pop()(500, "Media Failed")
    world.run()
    assert alice.got(500)[0].reason == "Media Failed"
    assert not alice.got(200, 183, 404)
    assert bool(carol.got("CANCEL")) is (status != 404)
    assert [event for event in recorder.events if event.startswith("ended")] == ["ended 500"]


def test_a_503_of_the_applications_own_is_sent_as_it_is() -> None:
    world, alice, bob, recorder = pair("200")
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 200)
    world.run()
    recorder.held.pop()(503, "Overloaded")
    world.run()
    assert alice.expect(503).reason == "Overloaded"


def test_a_message_may_proceed_once() -> None:
    world, alice, bob, recorder = pair("INVITE", "180")
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    proceed = recorder.held.pop()
    proceed()
    with pytest.raises(UsageError):
        proceed()
    world.run()
    bob.reply(bob.expect("INVITE"), 180)
    world.run()
    proceed = recorder.held.pop()
    proceed()
    with pytest.raises(UsageError):
        proceed()


def test_a_flood_of_provisionals_behind_a_slow_application_is_bounded() -> None:
    world, alice, bob, recorder = pair("183")
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 183)
    for _ in range(2000):
        bob.reply(invite, 180)
    bob.reply(invite, 200)
    world.run()
    recorder.held.pop()()
    world.run()
    assert len(alice.got(180)) == MAX_WAITING
    assert len(alice.got(200)) == 1
    assert world.counters["sip_proxy_responses_dropped_total"] == 2000 - MAX_WAITING


def test_failover_shows_each_attempt_as_a_branch() -> None:
    world, alice, bob, recorder = pair()
    world.app.targets["bob@example.com"] = [
        Target("sip:bob@192.0.2.99;transport=tcp", failover=True),
        Target(bob.contact, failover=True, group=1),
    ]
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 200)
    world.run()
    assert recorder.events == [
        "out 0 INVITE",
        "branch 0 ended 503",
        "out 1 INVITE",
        "branch 1 ended 200",
        "in 1 200",
        "ended 200",
    ]


def test_dialog_requests_and_messages_have_an_exchange_too() -> None:
    world, alice, bob, recorder = pair()
    _, answer = call(world, alice, bob)
    recorder.events.clear()
    alice.within(answer, "BYE")
    world.run()
    bob.reply(bob.expect("BYE"), 200)
    world.run()
    assert recorder.events == ["out 0 BYE", "branch 0 ended 200", "in 0 200", "ended 200"]


def test_a_non_invite_that_times_out_ends_with_408_though_nothing_is_sent() -> None:
    world, alice, bob, recorder = pair()
    alice.request("MESSAGE", "sip:bob@example.com")
    world.run(40)
    assert recorder.events == ["out 0 MESSAGE", "branch 0 ended 408", "ended 408"]
    assert bob.got("MESSAGE")


def test_a_reply_twice_or_after_proxy_is_our_own_mistake() -> None:
    world, alice, _, _ = pair()
    alice.request("INVITE", "sip:nobody@example.com")
    alice.request("INVITE", "sip:bob@example.com", call_id="call-2")
    world.run()
    answered, proxied = world.app.requests
    for request in (answered, proxied):
        with pytest.raises(UsageError):
            request.reply(500)
        with pytest.raises(UsageError):
            request.proxy([])


def test_only_final_responses_are_the_applications_to_send() -> None:
    world, alice, _, _ = pair()
    world.app.hold = True
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    with pytest.raises(UsageError):
        world.app.requests[0].reply(180)


@pytest.mark.parametrize("status", [401, 407])
def test_22_2_a_challenge_that_is_answered_asks_the_same_place_again(status: int) -> None:
    world, alice, bob, recorder = pair()
    recorder.answers = 1
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    first = bob.expect("INVITE")
    bob.reply(first, status)
    world.run()
    assert bob.expect("ACK").via.branch == first.via.branch
    second = bob.expect("INVITE")
    assert second.via.branch != first.via.branch
    bob.reply(second, 200)
    world.run()
    assert alice.expect(200)
    assert recorder.events == [
        "out 0 INVITE",
        f"branch 0 ended {status}",
        "out 1 INVITE",
        "branch 1 ended 200",
        "in 1 200",
        "ended 200",
    ]


def test_22_2_a_challenge_that_is_not_answered_goes_upstream() -> None:
    world, alice, bob, recorder = pair()
    recorder.answers = 1
    alice.request("OPTIONS", "sip:bob@example.com")
    world.run()
    for _ in range(2):
        bob.reply(bob.expect("OPTIONS"), 407)
        world.run()
    assert alice.expect(407)
    bob.expect_nothing()


def test_22_2_the_place_asked_again_is_the_one_that_challenged_and_the_others_come_after_it() -> None:
    world, alice, bob, recorder = pair()
    recorder.answers = 1
    carol = world.phone("192.0.2.30")
    world.names.hosts["gw.example.net"] = [Destination("udp", each.says_host, 5060) for each in (bob, carol)]
    world.app.targets["bob@example.com"] = [Target("sip:gw.example.net")]
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    bob.reply(bob.expect("INVITE"), 401)
    world.run()
    bob.expect("ACK")
    bob.reply(bob.expect("INVITE"), 503)
    world.run()
    carol.reply(carol.expect("INVITE"), 200)
    world.run()
    assert alice.expect(200)


def test_22_2_a_cancelled_request_is_not_sent_again() -> None:
    world, alice, bob, recorder = pair()
    recorder.answers = 1
    invite = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    received = bob.expect("INVITE")
    bob.reply(received, 180)
    world.run()
    alice.cancel(invite)
    world.run()
    bob.expect("CANCEL")
    bob.reply(received, 407)
    world.run()
    bob.expect("ACK")
    bob.expect_nothing()
