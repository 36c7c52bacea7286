"""CANCEL and ACK in every order (RFC 3261 sections 9, 13.2.2.4 and 16.10), Timer C (16.8), RFC 4320."""

import pytest

from native.sip import Message
from sipcore.ports import Target
from sipcore.proxy.core import ProxySettings
from tests.sipcore.proxy_world import Phone, World, call


def pair() -> tuple[World, Phone, Phone]:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    return world, alice, bob


def ring(world: World, alice: Phone, bob: Phone) -> tuple[Message, Message]:
    """An INVITE as sent and as received, answered 180."""
    sent = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 180)
    world.run()
    alice.expect(180)
    return sent, invite


def test_16_10_a_cancel_is_answered_200_and_passed_on_hop_by_hop() -> None:
    world, alice, bob = pair()
    sent, invite = ring(world, alice, bob)
    alice.cancel(sent)
    world.run()
    answer = alice.expect(200)
    assert answer.cseq_method == "CANCEL"
    cancel = bob.expect("CANCEL")
    assert cancel.via.text == invite.via.text
    assert cancel.via_count == 1
    bob.reply(cancel, 200)
    bob.reply(invite, 487)
    world.run()
    ended = alice.expect(487)
    assert ended.cseq_method == "INVITE"
    bob.expect("ACK")
    alice.ack_failure(sent, ended)
    world.run(1)
    alice.expect_nothing()
    bob.expect_nothing()


def test_9_2_a_repeated_cancel_gets_the_same_answer_and_leaves_once() -> None:
    world, alice, bob = pair()
    sent, invite = ring(world, alice, bob)
    alice.cancel(sent)
    world.run()
    alice.cancel(sent)
    world.run()
    first, second = alice.got(200)
    assert first.raw == second.raw
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(invite, 487)
    world.run()
    alice.cancel(sent)
    world.run()
    assert len(bob.got("CANCEL")) == 1
    assert len(alice.got(200)) == 3
    assert not alice.got(481)


def test_16_10_an_unknown_cancel_gets_481() -> None:
    world, alice, bob = pair()
    alice.request("CANCEL", "sip:bob@example.com")
    alice.request("CANCEL", "sip:bob@example.com")
    world.run()
    assert alice.expect(481).to_tag != alice.expect(481).to_tag
    bob.expect_nothing()
    assert world.counters["sip_proxy_cancels_unmatched_total"] == 2


def test_9_1_a_cancel_waits_for_the_first_provisional_response() -> None:
    world, alice, bob = pair()
    sent = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    alice.cancel(sent)
    world.run()
    alice.expect(200)
    invite = bob.expect("INVITE")
    bob.expect_nothing()
    bob.reply(invite, 100)
    world.run()
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(invite, 487)
    world.run()
    alice.expect(487)


def test_16_10_a_cancel_that_crosses_a_200_changes_nothing() -> None:
    world, alice, bob = pair()
    sent, invite = ring(world, alice, bob)
    alice.cancel(sent)
    bob.reply(invite, 200)
    world.run()
    assert {message.cseq_method for message in alice.got(200)} == {"CANCEL", "INVITE"}
    assert not alice.got(487)


def test_16_10_a_cancel_after_the_final_response_gets_200_and_goes_no_further() -> None:
    world, alice, bob = pair()
    sent, invite = ring(world, alice, bob)
    bob.reply(invite, 486)
    world.run()
    alice.expect(486)
    alice.cancel(sent)
    world.run()
    assert alice.expect(200).cseq_method == "CANCEL"
    assert not bob.got("CANCEL")


def test_16_10_every_branch_is_cancelled_and_no_group_follows() -> None:
    world, alice, bob = pair()
    carol, dave = world.phone("192.0.2.30"), world.phone("192.0.2.40")
    world.app.targets["bob@example.com"] = [Target(bob.contact), Target(carol.contact), Target(dave.contact, group=1)]
    sent = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invites = [phone.expect("INVITE") for phone in (bob, carol)]
    bob.reply(invites[0], 180)
    carol.reply(invites[1], 180)
    world.run()
    alice.cancel(sent)
    world.run()
    for phone, invite in zip((bob, carol), invites, strict=True):
        phone.reply(phone.expect("CANCEL"), 200)
        phone.reply(invite, 487)
    world.run()
    assert len(alice.got(487)) == 1
    dave.expect_nothing()


def test_3326_the_reason_of_a_cancel_travels_with_it() -> None:
    world, alice, bob = pair()
    sent, _ = ring(world, alice, bob)
    reasons = ('SIP;cause=200;text="Call completed elsewhere"', "Q.850;cause=26")
    alice.cancel(sent, tuple(("Reason", reason) for reason in reasons))
    world.run()
    assert tuple(bob.expect("CANCEL").get_all("Reason")) == reasons


def spoiled(message: Message, old: bytes, new: bytes) -> bytes:
    """Sent as it is: what we write ourselves holds no NUL."""
    return message.to_bytes().replace(old, new)


def test_25_1_a_quoted_nul_is_no_reason_to_leave_anybody_waiting() -> None:
    world, alice, bob = pair()
    _, invite = ring(world, alice, bob)
    bob.send_bytes(spoiled(invite.reply(486, to_tag="callee"), b"To: ", b'To: "\\\0" '))
    world.run()
    assert alice.expect(486).to_tag == "callee"
    assert bob.expect("ACK").via.text == invite.via.text
    assert not world.counters["sip_internal_errors_total"]


def test_25_1_nor_is_one_in_retry_after() -> None:
    world, alice, bob = pair()
    _, invite = ring(world, alice, bob)
    retry = b"\r\nRetry-After: 5 (\\\0)\r\nRetry-After: 6\r\nCSeq"
    bob.send_bytes(spoiled(invite.reply(503, to_tag="callee"), b"\r\nCSeq", retry))
    world.run()
    assert alice.expect(500).get_all("Retry-After") == ["6"]
    assert not world.counters["sip_internal_errors_total"]


def test_3326_a_reason_that_can_not_be_written_is_left_out() -> None:
    world, alice, bob = pair()
    sent, _ = ring(world, alice, bob)
    cancel = sent.derive("CANCEL")
    alice.send_bytes(spoiled(cancel, b"\r\nCSeq", b'\r\nReason: SIP;text="\\\0"\r\nReason: SIP;cause=26\r\nCSeq'))
    world.run()
    assert bob.expect("CANCEL").get_all("Reason") == ["SIP;cause=26"]


def test_a_cancel_before_the_application_has_decided_ends_the_request() -> None:
    world, alice, bob = pair()
    world.app.hold = True
    sent = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    alice.cancel(sent)
    world.run()
    assert alice.expect(200).to_tag == alice.expect(487).to_tag  # RFC 3261 section 9.2
    request = world.app.requests[0]
    assert request.cancelled
    world.app.decide(request)
    request.reply(404)
    world.run()
    alice.expect_nothing()
    bob.expect_nothing()


def test_a_cancel_while_a_name_is_looked_up_ends_the_request() -> None:
    world, alice, _ = pair()
    world.names.slow.add("slow.example")
    world.app.targets["bob@example.com"] = [Target("sip:bob@slow.example")]
    sent = alice.request("INVITE", "sip:bob@example.com")
    world.run()
    alice.cancel(sent)
    world.run()
    alice.expect(200)
    alice.expect(487)
    world.names.release()
    world.run()
    assert not world.wire.sent(world.proxy, "INVITE")


def test_9_1_a_cancelled_branch_that_never_ends_is_given_up_after_64_t1() -> None:
    world, alice, bob = pair()
    sent, _ = ring(world, alice, bob)
    alice.cancel(sent)
    world.run(31)
    assert not alice.got(487)
    world.run(2)
    assert alice.got(487)


def test_9_2_a_cancel_for_a_request_that_is_no_invite_has_no_effect() -> None:
    world, alice, bob = pair()
    sent = alice.request("MESSAGE", "sip:bob@example.com")
    world.run()
    alice.cancel(sent)
    world.run()
    alice.expect(481)
    bob.reply(bob.expect("MESSAGE"), 200)
    world.run()
    alice.expect(200)


def test_13_2_2_4_an_ack_for_a_2xx_is_forwarded_once_with_a_branch_of_its_own() -> None:
    world, alice, bob = pair()
    invite, answer = call(world, alice, bob)
    ack = bob.got("ACK")[0]
    assert len(bob.got("ACK")) == 1
    assert ack.via.branch != invite.via.branch
    assert ack.via_count == 2
    assert not ack.routes
    assert ack.max_forwards == 69
    assert not alice.got(481, 404)
    bob.reply(invite, 200)  # as if the ACK had been lost
    world.run()
    assert len(alice.got(200)) == 2
    alice.within(answer, "ACK", cseq=1)
    world.run()
    assert len(bob.got("ACK")) == 2


def test_16_11_an_ack_sent_twice_has_the_same_branch() -> None:
    world, alice, bob = pair()
    _, answer = call(world, alice, bob)
    ack = alice.within(answer, "ACK", cseq=1)
    alice.send(ack)
    world.run()
    first, second = bob.got("ACK")[1:]
    assert first.raw == second.raw


def test_17_1_1_3_the_ack_for_a_failure_is_absorbed() -> None:
    world, alice, bob = pair()
    sent, invite = ring(world, alice, bob)
    bob.reply(invite, 486)
    world.run()
    bob.expect("ACK")
    alice.ack_failure(sent, alice.expect(486))
    world.run(1)
    assert len(bob.got("ACK")) == 1
    assert not world.app.acks
    assert len(alice.got(486)) == 1


def test_an_ack_without_cookie_is_the_applications_to_refuse() -> None:
    world, alice, bob = pair()
    world.app.refuse_acks_without_cookie = True
    alice.request("ACK", bob.contact)
    world.run()
    bob.expect_nothing()
    assert world.counters["sip_proxy_acks_dropped_total|why=policy"] == 1


def test_16_8_timer_c_cancels_a_branch_that_rings_for_ever() -> None:
    world, alice, bob = pair()
    ring(world, alice, bob)
    world.run(184)
    bob.expect_nothing()
    world.run(2)
    cancel = bob.expect("CANCEL")
    bob.reply(cancel, 200)
    bob.reply(bob.got("INVITE")[0], 487)
    world.run()
    alice.expect(487)
    assert world.counters["sip_proxy_timer_c_total"] == 1


def test_16_8_timer_c_starts_again_with_a_provisional_response_but_not_with_100() -> None:
    world, alice, bob = pair()
    _, invite = ring(world, alice, bob)
    world.run(100)
    bob.reply(invite, 180)
    world.run(100)
    bob.expect_nothing()
    bob.reply(invite, 100)
    world.run(90)
    bob.expect("CANCEL")
    assert len(alice.got(180)) == 2


def test_16_8_phones_that_ring_for_long_share_the_lengths_of_their_timers() -> None:
    world, alice, bob = pair()
    invites = []
    for number in range(60):
        alice.request("INVITE", "sip:bob@example.com", call_id=f"long-{number}")
        world.run(0.05 + number / 1000)
        invites.append(bob.got("INVITE")[-1])
        bob.reply(invites[-1], 180)
    for _ in range(2):
        for invite in invites:
            bob.reply(invite, 180)
            world.run(0.013)
        world.run(100.0)
    assert world.wire.timers.lengths < 30
    world.run(200.0)
    assert world.counters["sip_proxy_timer_c_total"] == 60


def test_16_8_timer_c_is_longer_than_three_minutes_and_can_be_set() -> None:
    assert ProxySettings().timer_c_s > 180
    world = World(ProxySettings(timer_c_s=300.0))
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    ring(world, alice, bob)
    world.run(299)
    bob.expect_nothing()
    world.run(2)
    bob.expect("CANCEL")


def test_16_7_an_invite_without_any_response_is_408() -> None:
    world, alice, bob = pair()
    alice.request("INVITE", "sip:bob@example.com")
    world.run(33)
    assert alice.got(408)
    assert len(bob.got("INVITE")) == 7


def test_4320_4_2_a_non_invite_without_response_gets_no_408() -> None:
    world, alice, bob = pair()
    alice.request("MESSAGE", "sip:bob@example.com")
    world.run(70)
    assert {message.status for message in alice.got()} == {100}
    assert bob.got("MESSAGE")
    assert (world.core.transactions.server_count, world.core.transactions.client_count) == (0, 0)


def test_4320_4_2_a_408_for_a_non_invite_and_a_late_answer_are_dropped() -> None:
    world, alice, bob = pair()
    alice.request("MESSAGE", "sip:bob@example.com")
    world.run()
    message = bob.expect("MESSAGE")
    bob.reply(message, 408)
    world.run()
    assert not alice.got(408)
    alice.request("MESSAGE", "sip:bob@example.com", call_id="call-2")
    world.run(40)
    bob.reply(bob.got("MESSAGE")[-1], 200)
    world.run()
    assert not alice.got(200)
    assert world.counters["sip_proxy_stray_responses_total"] == 1


@pytest.mark.parametrize("status", [180, 183, 199])
def test_4320_4_1_a_non_invite_gets_no_provisional_but_100(status: int) -> None:
    world, alice, bob = pair()
    alice.request("MESSAGE", "sip:bob@example.com")
    world.run()
    message = bob.expect("MESSAGE")
    bob.reply(message, status)
    world.run()
    bob.reply(message, 200)
    world.run()
    assert [answer.status for answer in alice.got()] == [200]
    assert world.counters["sip_proxy_provisionals_to_non_invite_total"] == 1


def test_a_response_that_does_not_parse_harms_nobody() -> None:
    world, alice, bob = pair()
    _, invite = ring(world, alice, bob)
    bad = invite.reply(183, to_tag="x")
    bad.set("To", "<sip:bob@")
    bob.send(bad)
    world.run()
    bob.reply(invite, 200)
    world.run()
    assert alice.got(200)
