"""sipmesh.signalling.editing_exchange: a carrier challenges, we answer, and the caller's CSeq numbers never tell."""

from __future__ import annotations

import pytest

from sipcore.digest_header import parse_credentials
from sipmesh.config import Route
from tests.sipmesh.editing_world import CALLED, Alice, answered, trunk, world_of
from tests.sipmesh.signal_world import Carrier, SignalWorld


@pytest.mark.parametrize("status", [401, 407])
def test_the_caller_sees_nothing_of_a_challenge(status: int) -> None:
    world, alice, carrier = world_of(status=status)
    alice.request("INVITE", CALLED, cseq=7)
    world.run()
    [refused] = carrier.challenged
    invite = carrier.expect("INVITE")
    assert (refused.cseq, invite.cseq) == (7, 8)
    assert invite.via.branch != refused.via.branch
    assert (invite.call_id, invite.from_tag, invite.request_uri_text) == (refused.call_id, "caller", refused.request_uri_text)
    carrier.reply(invite, 180)
    carrier.reply(invite, 200)
    world.run()
    assert [(message.status, message.cseq) for message in alice.got()] == [(100, 7), (180, 7), (200, 7)]
    assert not alice.got()[-1].has("Proxy-Authenticate")


def test_the_ack_of_a_challenge_is_of_its_own_branch() -> None:
    world, alice, carrier = world_of()
    alice.request("INVITE", CALLED, cseq=7)
    world.run()
    [ack] = carrier.challenge_acks
    assert (ack.cseq, ack.via.branch) == (7, carrier.challenged[0].via.branch)


def test_requests_of_the_caller_are_shifted_and_those_of_the_carrier_are_not() -> None:
    world, alice, carrier = world_of()
    carrier.wants = {"INVITE"}
    invite, answer = answered(world, alice, carrier, cseq=5)
    ack = carrier.expect("ACK")
    assert ack.cseq == 6
    assert ack.get_all("Proxy-Authorization") == invite.get_all("Proxy-Authorization")
    alice.within(answer, "INFO", cseq=6)
    world.run()
    info = carrier.expect("INFO")
    assert info.cseq == 7
    carrier.reply(info, 200)
    world.run()
    assert (alice.got(200)[-1].cseq, alice.got(200)[-1].cseq_method) == (6, "INFO")
    back = carrier.within(invite, "INFO", cseq=100)
    world.run()
    assert alice.got("INFO")[0].cseq == back.cseq == 100
    alice.reply(alice.got("INFO")[0], 200)
    world.run()
    assert carrier.expect(200).cseq == 100


def test_the_shift_survives_the_worker() -> None:
    world, alice, carrier = world_of()
    carrier.wants = {"INVITE"}
    _, answer = answered(world, alice, carrier)
    world.start()
    assert world.calls.trunks.edited
    alice.within(answer, "ACK", cseq=1)
    alice.within(answer, "BYE", cseq=2)
    world.run()
    assert carrier.got("ACK")[-1].cseq == 2
    bye = carrier.got("BYE")[0]
    assert bye.cseq == 3
    carrier.reply(bye, 200)
    world.run()
    assert alice.expect(200).cseq == 2
    assert not world.stored.records
    assert not world.calls.trunks.edited


def test_a_challenged_request_of_the_dialog_shifts_again() -> None:
    world, alice, carrier = world_of()
    carrier.once = True
    _, answer = answered(world, alice, carrier)
    alice.within(answer, "UPDATE", cseq=2)
    world.run()
    update = carrier.got("UPDATE")[0]
    assert (carrier.challenged[-1].cseq, update.cseq) == (3, 4)
    carrier.reply(update, 200)
    world.run()
    assert alice.got(200)[-1].cseq == 2
    alice.within(answer, "BYE", cseq=3)
    world.run()
    bye = carrier.got("BYE")[0]
    assert bye.cseq == 6
    carrier.reply(bye, 200)
    world.run()
    assert alice.got(200)[-1].cseq == 3
    assert not len(world.calls)


def test_an_ack_has_the_number_of_its_invite_though_the_shift_has_grown_since() -> None:
    world, alice, carrier = world_of()
    carrier.once = True
    alice.request("INVITE", CALLED)
    world.run()
    invite = carrier.got("INVITE")[0]
    carrier.reply(invite, 183, (("RSeq", "9"), ("Require", "100rel")))
    world.run()
    ringing = alice.got(183)[0]
    assert ringing.get("RSeq") == "9"
    alice.within(ringing, "PRACK", cseq=2, headers=(("RAck", "9 1 INVITE"),))
    world.run()
    prack = carrier.got("PRACK")[0]
    assert (prack.cseq, prack.get("RAck")) == (4, "9 2 INVITE")
    carrier.reply(prack, 200)
    carrier.reply(invite, 200)
    world.run()
    answer = alice.got(200)[-1]
    assert answer.cseq == 1
    alice.within(answer, "ACK", cseq=1)
    alice.within(answer, "BYE", cseq=3)
    world.run()
    assert carrier.got("ACK")[-1].cseq == 2
    assert carrier.got("BYE")[0].cseq == 6


def test_a_refer_is_named_by_the_number_its_receiver_saw() -> None:
    world, alice, carrier = world_of()
    carrier.wants = {"INVITE"}
    invite, answer = answered(world, alice, carrier)
    alice.within(answer, "REFER", cseq=2, headers=(("Refer-To", "<sip:x@y>"), ("Contact", f"<{alice.contact}>")))
    world.run()
    refer = carrier.got("REFER")[0]
    assert refer.cseq == 3
    event = (("Event", "refer;id=3"), ("Subscription-State", "active"), ("Contact", f"<{carrier.contact}>"))
    carrier.within(invite, "NOTIFY", cseq=50, headers=event)
    world.run()
    assert alice.got("NOTIFY")[0].get("Event") == "refer;id=2"
    alice.within(answer, "SUBSCRIBE", cseq=3, headers=(("Event", "refer;id=2"), ("Contact", f"<{alice.contact}>")))
    world.run()
    assert carrier.got("SUBSCRIBE")[0].get("Event") == "refer;id=3"


def test_a_cancel_has_the_number_of_the_invite_it_ends() -> None:
    world, alice, carrier = world_of()
    invite = alice.request("INVITE", CALLED, cseq=3)
    world.run()
    received = carrier.got("INVITE")[0]
    carrier.reply(received, 180)
    world.run()
    alice.cancel(invite)
    world.run()
    cancel = carrier.got("CANCEL")[0]
    assert (cancel.cseq, cancel.via.branch) == (4, received.via.branch)
    carrier.reply(received, 487)
    world.run()
    assert (alice.got(487)[0].cseq, world.stored.records) == (3, {})


def test_later_calls_bring_credentials_at_once() -> None:
    world, alice, carrier = world_of()
    carrier.wants = {"INVITE"}
    answered(world, alice, carrier)
    alice.request("INVITE", CALLED, call_id="call-2", from_tag="again")
    world.run()
    assert len(carrier.challenged) == 1
    second = carrier.got("INVITE")[1]
    assert second.cseq == 1
    credentials = parse_credentials(second.get("Proxy-Authorization") or "") or {}
    assert (credentials["nc"], credentials["uri"]) == ("00000002", second.request_uri_text)
    carrier.reply(second, 200)
    world.run()
    answer = alice.got(200)[-1]
    assert answer.cseq == 1
    alice.within(answer, "BYE", cseq=2)
    world.run()
    assert carrier.got("BYE")[0].cseq == 2


def test_a_nonce_that_got_stale_costs_one_round_trip() -> None:
    world, alice, carrier = world_of()
    carrier.wants = {"INVITE"}
    answered(world, alice, carrier)
    world.run(200.0)
    alice.request("INVITE", CALLED, call_id="call-2")
    world.run()
    assert len(carrier.challenged) == 2
    assert carrier.got("INVITE")[1].cseq == 2


def test_wrong_credentials_end_the_call_for_the_caller_without_a_challenge() -> None:
    world, alice, carrier = world_of(password="another")
    invite = alice.request("INVITE", CALLED)
    world.run()
    assert len(carrier.challenged) == 2
    answer = alice.expect(500)
    assert answer.reason == "Trunk Refuses Our Credentials"
    assert (answer.cseq, answer.has("Proxy-Authenticate")) == (1, False)
    alice.ack_failure(invite, answer)
    assert world.counters["sip_trunk_credentials_refused_total|trunk=carrier"] == 1
    assert not world.stored.records


def test_the_callers_own_credentials_do_not_reach_the_carrier() -> None:
    world, alice, carrier = world_of()
    headers = (("Authorization", 'Digest realm="x", nonce="n"'), ("Proxy-Authorization", 'Digest realm="x", nonce="n"'))
    alice.request("INVITE", CALLED, headers)
    world.run()
    assert not carrier.challenged[0].has("Authorization")
    assert len(carrier.got("INVITE")[0].get_all("Proxy-Authorization")) == 1


def test_a_challenge_in_answer_to_nothing_of_ours_is_the_callers() -> None:
    world = SignalWorld((trunk(credentials=None),), (Route(match="+44*", to="trunk:carrier"),))
    alice, carrier = Alice(world), Carrier(world)
    alice.request("INVITE", CALLED)
    world.run()
    assert alice.expect(407).has("Proxy-Authenticate")
    assert len(carrier.challenged) == 1
    assert not world.calls.trunks.edited


def test_a_message_outside_any_dialog_is_authenticated_too() -> None:
    world, alice, carrier = world_of()
    alice.request("MESSAGE", CALLED)
    world.run()
    message = carrier.expect("MESSAGE")
    assert message.cseq == 2
    carrier.reply(message, 202)
    world.run()
    assert alice.expect(202).cseq == 1
    assert not world.stored.records


@pytest.mark.parametrize("says_stale", [True, False])
def test_the_same_gateway_is_asked_again_and_the_next_one_when_it_dies(says_stale: bool) -> None:
    gateways = ("192.0.2.91", "192.0.2.92")
    world = SignalWorld((trunk(*(f"sip:{host}" for host in gateways)),), (Route(match="+44*", to="trunk:carrier"),))
    alice = Alice(world)
    carriers = [Carrier(world, host) for host in gateways]
    for carrier in carriers:
        carrier.says_stale = says_stale
    alice.request("INVITE", CALLED)
    world.run()
    [first] = [each for each in carriers if each.challenged]
    [second] = [each for each in carriers if not each.challenged]
    invite = first.got("INVITE")[0]
    first.reply(invite, 503)
    world.run()
    other = second.got("INVITE")[0]  # challenged there again: its nonces are its own
    assert (invite.cseq, second.challenged[0].cseq, other.cseq) == (2, 2, 3)
    second.reply(other, 200)
    world.run()
    answer = alice.expect(200)
    assert answer.cseq == 1
    alice.within(answer, "ACK", cseq=1)
    world.run()
    assert second.got("ACK")[-1].cseq == 3


def test_a_call_that_comes_in_has_the_callees_requests_answered_for() -> None:
    """The side towards the trunk is shifted, whichever made the call."""
    world = SignalWorld((trunk(),), users=("bob",))
    carrier, bob = Carrier(world), world.phone("192.0.2.20")
    world.bind("bob@open.example", bob)
    carrier.request("INVITE", "sip:bob@open.example", from_tag="far")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 200)
    world.run()
    carrier.within(carrier.expect(200), "ACK", cseq=1)
    bob.within(invite, "BYE", cseq=9)
    world.run()
    assert carrier.challenged[0].cseq == 9
    bye = carrier.got("BYE")[0]
    assert bye.cseq == 10
    carrier.reply(bye, 200)
    world.run()
    assert bob.got(200)[-1].cseq == 9
    assert not len(world.calls)


def test_the_nodes_own_bye_is_above_what_the_carrier_has_seen_and_is_authenticated() -> None:
    world, alice, carrier = world_of()
    answered(world, alice, carrier, cseq=5)
    [(key, _)] = world.stored.all()
    carrier.digest = carrier.new_digest()
    world.ender.end(key, "operator", "SIP;cause=487")
    world.run()
    assert [message.cseq for message in carrier.challenged if message.method == "BYE"] == [7]
    assert carrier.got("BYE")[0].cseq == 8


def test_retransmitted_and_late_answers_have_the_callers_number_too() -> None:
    world, alice, carrier = world_of()
    alice.request("INVITE", CALLED)
    world.run()
    invite = carrier.got("INVITE")[0]
    for tag in ("one", "two", "two"):
        carrier.reply(invite, 200, tag=tag)
    world.run()
    assert [answer.cseq for answer in alice.got(200)] == [1, 1, 1]


def test_a_cancel_that_crosses_the_challenge_wins() -> None:
    world, alice, carrier = world_of()
    carrier.wants = set()
    invite = alice.request("INVITE", CALLED)
    world.run()
    received = carrier.got("INVITE")[0]
    carrier.reply(received, 100)
    world.run()
    alice.cancel(invite)
    world.run()
    carrier.reply(received, 407, (("Proxy-Authenticate", carrier.digest.challenges(1000.0)[0]),))
    world.run()
    assert alice.got(487)
    assert len(carrier.got("INVITE")) == 1


def test_nothing_of_a_call_is_kept_when_it_is_over() -> None:
    world, alice, carrier = world_of()
    _, answer = answered(world, alice, carrier)
    assert world.calls.trunks.credentials
    alice.within(answer, "BYE", cseq=2)
    world.run()
    carrier.reply(carrier.got("BYE")[0], 200)
    world.run()
    assert (world.calls.trunks.credentials, world.calls.trunks.edited, world.stored.records) == ({}, set(), {})


def test_there_is_no_number_above_the_last_one() -> None:
    world, alice, carrier = world_of()
    alice.request("INVITE", CALLED, cseq=2**31 - 1)
    world.run()
    assert len(carrier.challenged) == 1
    assert alice.expect(500)
