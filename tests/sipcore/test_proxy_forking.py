"""Targets, groups, failover and the response that goes upstream (RFC 3261 sections 16.6 and 16.7, RFC 3263 section 4.3)."""

import pytest

from native.sip import Message
from sipcore.flow import Destination
from sipcore.ports import Target
from tests.sipcore.proxy_world import Phone, World


def forked(*groups: int, failover: bool = False, **fields: object) -> tuple[World, Phone, list[Phone]]:
    """A world where bob has a phone in each of ``groups``."""
    world = World()
    phones = [world.phone(f"192.0.2.{20 + number}") for number in range(len(groups))]
    world.app.targets["bob@example.com"] = [
        Target(phone.contact, group=group, failover=failover, **fields)  # type: ignore[arg-type]
        for phone, group in zip(phones, groups, strict=True)
    ]
    return world, world.phone("192.0.2.10"), phones


def invited(world: World, alice: Phone, phones: list[Phone]) -> list[Message]:
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    return [phone.expect("INVITE") for phone in phones]


def final_of(alice: Phone) -> Message:
    """The one final response, which may have been repeated."""
    finals = [message for message in alice.got() if message.status >= 200]
    assert len({message.raw for message in finals}) == 1, [message.status for message in finals]
    return finals[0]


def test_16_6_parallel_targets_get_the_request_at_once_with_branches_of_their_own() -> None:
    world, alice, phones = forked(0, 0, 0)
    invites = invited(world, alice, phones)
    assert len({invite.via.branch for invite in invites}) == 3
    assert [invite.request_uri_text for invite in invites] == [phone.contact for phone in phones]


def test_16_6_serial_groups_are_tried_in_order() -> None:
    world, alice, phones = forked(5, 1, 1)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    phones[0].expect_nothing()
    for phone, status in zip(phones[1:], (486, 404), strict=True):
        phone.reply(phone.expect("INVITE"), status)
    world.run()
    phones[0].reply(phones[0].expect("INVITE"), 200)
    world.run()
    assert final_of(alice).status == 200


def test_16_7_5_provisionals_of_every_branch_are_forwarded_but_100_is_not() -> None:
    world, alice, phones = forked(0, 0)
    for phone, invite, tag in zip(phones, invited(world, alice, phones), "ab", strict=True):
        phone.reply(invite, 100)
        phone.reply(invite, 180, tag=tag)
        phone.reply(invite, 183, tag=tag)
    world.run()
    assert [(message.status, message.to_tag) for message in alice.got(180, 183)] == [
        (180, "a"),
        (183, "a"),
        (180, "b"),
        (183, "b"),
    ]
    assert len(alice.got(100)) == 1


def test_16_7_5_every_2xx_is_forwarded_at_once_and_late_too() -> None:
    world, alice, phones = forked(0, 0)
    invites = invited(world, alice, phones)
    phones[0].reply(invites[0], 200, tag="a")
    world.run()
    phones[1].reply(invites[1], 200, tag="b")
    world.run(1)
    phones[0].reply(invites[0], 200, tag="a")
    world.run()
    assert [message.to_tag for message in alice.got(200)] == ["a", "b", "a"]


def test_16_7_5_a_2xx_after_another_final_response_is_forwarded() -> None:
    world, alice, phones = forked(0, 0, first_response_s=2.0)
    invites = invited(world, alice, phones)
    phones[1].reply(invites[1], 486)
    world.run(3)
    assert alice.expect(486)
    phones[0].reply(invites[0], 200, tag="late")
    world.run()
    assert alice.got(200)[0].to_tag == "late"


def test_16_7_10_a_2xx_cancels_the_other_branches_and_says_why() -> None:
    world, alice, phones = forked(0, 0)
    invites = invited(world, alice, phones)
    for phone, invite in zip(phones, invites, strict=True):
        phone.reply(invite, 180)
    world.run()
    phones[0].reply(invites[0], 200)
    world.run()
    cancel = phones[1].expect("CANCEL")
    assert cancel.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.via.branch == invites[1].via.branch
    phones[1].reply(cancel, 200)
    phones[1].reply(invites[1], 487)
    world.run()
    phones[1].expect("ACK")
    assert final_of(alice).status == 200
    phones[0].expect_nothing()


def test_16_7_5_a_6xx_cancels_the_rest_waits_for_them_and_starts_no_new_branch() -> None:
    world, alice, phones = forked(0, 0, 1)
    invites = invited(world, alice, phones[:2])
    phones[1].reply(invites[1], 180)
    world.run()
    phones[0].reply(invites[0], 603)
    world.run()
    assert [message.status for message in alice.got()] == [100, 180]
    assert phones[1].expect("CANCEL").get("Reason") == 'SIP;cause=603;text="Declined elsewhere"'
    phones[1].reply(invites[1], 487)
    world.run()
    assert final_of(alice).status == 603
    phones[2].expect_nothing()


def test_16_7_5_a_2xx_beats_a_6xx_that_came_first() -> None:
    world, alice, phones = forked(0, 0)
    invites = invited(world, alice, phones)
    phones[1].reply(invites[1], 180)
    phones[0].reply(invites[0], 603)
    world.run()
    phones[1].reply(invites[1], 200)
    world.run()
    assert final_of(alice).status == 200


@pytest.mark.parametrize(
    ("first", "second", "best"),
    [
        (404, 503, 404),
        (486, 302, 302),
        (302, 603, 603),
        (500, 404, 404),
        (404, 401, 401),
        (486, 407, 407),
        (404, 484, 484),
        (404, 415, 415),
        (486, 420, 420),
        (503, 500, 500),
        (503, 503, 500),
        (501, 503, 501),
        (480, 500, 480),
        (487, 486, 486),
        (408, 480, 480),
        (486, 480, 486),
        (600, 603, 600),
    ],
)
def test_16_7_6_the_best_response_is_chosen_in_either_order(first: int, second: int, best: int) -> None:
    for order in ((first, second), (second, first)):
        if best in (486, 600) and {first, second} in ({486, 480}, {600, 603}) and order[0] != best:
            continue  # equally good: the first to come
        world, alice, phones = forked(0, 0)
        for phone, invite, status in zip(phones, invited(world, alice, phones), order, strict=True):
            phone.reply(invite, status)
        world.run()
        assert final_of(alice).status == best


def test_16_7_6_a_failure_of_our_own_does_not_outrank_an_answer() -> None:
    world, alice, phones = forked(0, 0)
    world.wire.remove(phones[1].node)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    phones[0].reply(phones[0].expect("INVITE"), 500)
    world.run(33)
    assert final_of(alice).status == 500


def test_16_7_6_a_lone_503_becomes_500() -> None:
    world, alice, phones = forked(0)
    phones[0].reply(invited(world, alice, phones)[0], 503, (("Retry-After", "9"),))
    world.run()
    assert final_of(alice).status == 500


def test_16_7_6_the_to_tag_of_a_forwarded_failure_is_kept() -> None:
    world, alice, phones = forked(0)
    phones[0].reply(invited(world, alice, phones)[0], 486, tag="hers")
    world.run()
    assert final_of(alice).to_tag == "hers"


def test_16_7_7_challenges_of_all_branches_are_collected() -> None:
    world, alice, phones = forked(0, 0, 0)
    invites = invited(world, alice, phones)
    phones[0].reply(invites[0], 407, (("Proxy-Authenticate", 'Digest realm="a", nonce="1"'),))
    phones[1].reply(invites[1], 401, (("WWW-Authenticate", 'Digest realm="b", nonce="2"'),))
    phones[2].reply(invites[2], 407, (("Proxy-Authenticate", 'Digest realm="c", nonce="3"'),))
    world.run()
    answer = final_of(alice)
    assert answer.status == 407
    assert answer.get_all("Proxy-Authenticate") == ['Digest realm="a", nonce="1"', 'Digest realm="c", nonce="3"']
    assert answer.get_all("WWW-Authenticate") == ['Digest realm="b", nonce="2"']


def test_16_7_7_a_challenge_that_can_not_be_written_is_left_to_the_branch_it_came_from() -> None:
    world, alice, phones = forked(0, 0)
    for number, (phone, invite) in enumerate(zip(phones, invited(world, alice, phones), strict=True)):
        challenges = [("Proxy-Authenticate", f'Digest realm="{name}{number}", nonce="1"') for name in ("NUL", "plain")]
        answer = invite.reply(407, to_tag=f"t{number}", headers=challenges)
        phone.send_bytes(answer.to_bytes().replace(b"NUL", b"\\\0"))
    world.run()
    realms = ['"\\\0' + '0"', '"plain0"', '"plain1"']
    assert final_of(alice).get_all("Proxy-Authenticate") == [f'Digest realm={realm}, nonce="1"' for realm in realms]
    assert not world.counters["sip_internal_errors_total"]


def test_16_7_4_a_3xx_is_forwarded_with_its_contacts() -> None:
    world, alice, phones = forked(0)
    phones[0].reply(invited(world, alice, phones)[0], 302, (("Contact", "<sip:bob@192.0.2.99>"),))
    world.run()
    assert final_of(alice).contacts[0].uri.text == "sip:bob@192.0.2.99"


@pytest.mark.parametrize("kind", ["503", "refused", "silent"])
def test_3263_4_3_failover_targets_move_on_when_the_next_hop_fails(kind: str) -> None:
    world, alice, phones = forked(0, 1, failover=True, first_response_s=2.0)
    if kind == "refused":
        world.app.targets["bob@example.com"][0].uri += ";transport=tcp"  # nobody listens
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    if kind == "503":
        phones[0].reply(phones[0].expect("INVITE"), 503)
    if kind == "silent":
        phones[1].expect_nothing()
        world.run(2)
    world.run()
    phones[1].reply(phones[1].expect("INVITE"), 200)
    world.run()
    assert final_of(alice).status == 200


@pytest.mark.parametrize("status", [404, 486, 500, 302, 408])
def test_failover_targets_stop_at_an_answer(status: int) -> None:
    world, alice, phones = forked(0, 1, failover=True)
    phones[0].reply(invited(world, alice, phones[:1])[0], status)
    world.run()
    assert final_of(alice).status == status
    phones[1].expect_nothing()


def test_failover_exhausted_is_500() -> None:
    world, alice, phones = forked(0, 1, failover=True)
    alice.request("INVITE", "sip:bob@example.com")
    for phone in phones:
        world.run()
        phone.reply(phone.expect("INVITE"), 503)
    world.run()
    assert final_of(alice).status == 500


def test_3263_4_3_the_destinations_of_a_target_are_tried_in_order_with_new_branches() -> None:
    world = World()
    alice, last = world.phone("192.0.2.10"), world.phone("192.0.2.30")
    busy = world.phone("192.0.2.29")
    world.names.hosts["carrier.example"] = [
        Destination("tcp", "192.0.2.28", 5060),  # refuses
        Destination("sctp", "192.0.2.28", 5060),  # no listener for it
        Destination("udp", "192.0.2.29", 5060),  # 503
        Destination("udp", "192.0.2.30", 5060),
    ]
    alice.request("INVITE", "sip:+31@carrier.example")
    world.run()
    refused = busy.expect("INVITE")
    busy.reply(refused, 503)
    world.run()
    invite = last.expect("INVITE")
    assert invite.via.branch != refused.via.branch
    assert invite.request_uri_text == "sip:+31@carrier.example"
    last.reply(invite, 200)
    world.run()
    assert final_of(alice).status == 200


def test_16_6_7_destinations_exhausted_by_timeout_are_408() -> None:
    world = World()
    alice = world.phone("192.0.2.10")
    world.names.hosts["carrier.example"] = [Destination("udp", f"192.0.2.{host}", 5060) for host in (41, 42)]
    alice.request("INVITE", "sip:+31@carrier.example")
    world.run(33)
    assert not [message for message in alice.got() if message.status >= 200]
    world.run(33)
    assert final_of(alice).status == 408


def test_16_9_a_refused_connection_is_answered_at_once() -> None:
    world = World()
    alice = world.phone("192.0.2.10")
    alice.request("INVITE", "sip:bob@192.0.2.99;transport=tcp")
    world.run(0.1)
    assert final_of(alice).status == 500


def test_a_next_hop_that_resolves_to_nothing_is_502() -> None:
    world = World()
    alice = world.phone("192.0.2.10")
    alice.request("INVITE", "sip:bob@nowhere.invalid")
    world.run()
    assert final_of(alice).status == 502


def test_a_target_that_is_no_uri_does_no_harm_to_the_others() -> None:
    world, alice, phones = forked(0)
    world.app.targets["bob@example.com"].append(Target("sip:@@:x"))
    phones[0].reply(invited(world, alice, phones)[0], 200)
    world.run()
    assert final_of(alice).status == 200


def test_16_5_no_target_is_480() -> None:
    world, alice, _ = forked()
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    assert final_of(alice).status == 480


def test_a_target_over_a_closed_flow_fails_and_the_next_is_tried() -> None:
    world, alice, phones = forked(0, 1, failover=True)
    flow = world.proxy.flows.flow_to(Destination("udp", "192.0.2.20", 5060))
    flow.closed = True
    world.app.targets["bob@example.com"][0].flow = flow
    invites = invited(world, alice, phones[1:])
    assert len(invites) == 1
    phones[0].expect_nothing()


def test_target_headers_are_set_on_their_branch_alone() -> None:
    world, alice, phones = forked(0, 0)
    world.app.targets["bob@example.com"][0].headers = (("P-Asserted-Identity", "<sip:alice@example.com>"),)
    first, second = invited(world, alice, phones)
    assert first.get("P-Asserted-Identity") == "<sip:alice@example.com>"
    assert not second.has("P-Asserted-Identity")


def test_a_slow_resolver_holds_up_only_its_own_branch() -> None:
    world, alice, phones = forked(0)
    slow = world.phone("192.0.2.30")
    world.names.hosts["slow.example"] = [Destination("udp", "192.0.2.30", 5060)]
    world.names.slow.add("slow.example")
    world.app.targets["bob@example.com"].append(Target("sip:bob@slow.example"))
    invites = invited(world, alice, phones)
    slow.expect_nothing()
    phones[0].reply(invites[0], 486)
    world.run()
    world.names.release()
    world.run()
    slow.reply(slow.expect("INVITE"), 200)
    world.run()
    assert final_of(alice).status == 200


def test_17_2_3_a_retransmission_makes_no_second_fork() -> None:
    world, alice, phones = forked(0, 0)
    invite = alice.request("INVITE", "sip:bob@example.com")
    world.run(0.05)
    alice.send(invite)
    world.run(0.05)
    assert [len(phone.got("INVITE")) for phone in phones] == [1, 1]


def test_16_11_a_request_so_late_that_it_is_forgotten_gets_the_same_branch_and_no_crash() -> None:
    world, alice, phones = forked(0)
    request = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = phones[0].expect("INVITE")
    phones[0].reply(invite, 486)
    world.run()
    alice.ack_failure(request, alice.expect(486))
    world.run(10)
    alice.send(request)
    world.run()
    assert world.counters["sip_proxy_late_duplicates_total"] == 1
    world.run(60)
    alice.send(request)
    world.run()
    assert phones[0].got("INVITE")[-1].via.branch == invite.via.branch


def test_what_comes_after_first_response_s_is_too_late() -> None:
    world, alice, phones = forked(0, 1, failover=True, first_response_s=2.0)
    alice.request("INVITE", "sip:bob@example.com")
    world.run(2.2)
    late = phones[0].got("INVITE")[0]
    phones[0].reply(late, 180)
    world.run()
    phones[0].reply(phones[0].got("CANCEL")[0], 200)
    phones[0].reply(late, 487)
    second = phones[1].expect("INVITE")
    phones[1].reply(second, 100)
    world.run(10)
    assert not alice.got(180, 487)
    phones[1].reply(second, 486)
    world.run()
    assert final_of(alice).status == 486
    world.run(70)
    assert world.wire.timers.next_deadline() is None


def test_a_target_given_up_by_first_response_s_is_not_asked_again() -> None:
    world, alice, phones = forked(0, 1, failover=True, first_response_s=2.0)
    alice.request("INVITE", "sip:bob@example.com")
    world.run(2.2)
    asked = len(phones[0].got("INVITE"))
    assert asked == 3  # at 0, 0.5 and 1.5 s
    phones[1].reply(phones[1].expect("INVITE"), 486)
    world.run(60)
    assert len(phones[0].got("INVITE")) == asked
    assert final_of(alice).status == 486


def test_16_10_a_cancelled_target_is_not_tried_at_its_next_destination() -> None:
    world = World()
    alice, first, second = world.phone("192.0.2.10"), world.phone("192.0.2.20"), world.phone("192.0.2.21")
    hosts = ("192.0.2.20", "192.0.2.21")
    world.names.hosts["carrier.example"] = [Destination("udp", host, 5060) for host in hosts]
    sent = alice.request("INVITE", "sip:+31@carrier.example")
    world.run()
    invite = first.expect("INVITE")
    first.reply(invite, 180)
    alice.cancel(sent)
    world.run()
    first.reply(invite, 503)
    world.run()
    second.expect_nothing()
    assert alice.got(500)
    assert world.app.requests[0].cancelled


def test_5393_5_3_3_answers_of_earlier_groups_outrank_440() -> None:
    world, alice, phones = forked(0, 1, 1)
    alice.request("INVITE", "sip:bob@example.com", (("Max-Breadth", "1"),))
    world.run()
    phones[0].reply(phones[0].expect("INVITE"), 486)
    world.run()
    assert final_of(alice).status == 486


def test_a_forked_non_invite_gets_one_answer_and_no_cancel() -> None:
    world, alice, phones = forked(0, 0)
    alice.request("MESSAGE", "sip:bob@example.com")
    world.run()
    for phone in phones:
        phone.reply(phone.expect("MESSAGE"), 200)
    world.run()
    assert final_of(alice).status == 200
    assert not any(phone.got("CANCEL") for phone in phones)
    assert not [name for name in world.counters if "illegal" in name]
