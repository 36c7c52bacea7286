"""Clauses of docs/rfc.md's table that no test of a single module shows: a proxy core, phones around it, virtual time."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.flow import Destination
from tests.sipcore.proxy_world import Phone, World, call
from tests.sipcore.test_proxy_forking import final_of, forked

COMPACT = {
    b"Via": b"v",
    b"From": b"f",
    b"To": b"t",
    b"Call-ID": b"i",
    b"Contact": b"m",
    b"Content-Length": b"l",
    b"Content-Type": b"c",
    b"Supported": b"k",
    b"Subject": b"s",
}


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    return world, alice, bob


def compacted(message: Message) -> bytes:
    lines = message.to_bytes().split(b"\r\n")
    parts = [line.partition(b":") for line in lines[1:]]
    return b"\r\n".join([lines[0], *(COMPACT.get(name, name) + colon + value for name, colon, value in parts)])


def test_clause_30_a_call_all_in_compact_names() -> None:
    world, alice, bob = two_phones()
    invite = alice.request("INVITE", "sip:bob@example.com", call_id="other", to=alice.node)  # to be sent in another form
    alice.send_bytes(compacted(invite))
    world.run()
    got = bob.expect("INVITE")
    assert got.raw.startswith(b"INVITE sip:user@192.0.2.20:5060 SIP/2.0\r\n")
    assert b"\r\nf: <sip:alice@example.com>;tag=caller\r\n" in got.raw
    answer = got.reply(200, to_tag="callee", headers=[("Contact", f"<{bob.contact}>")])
    for value in got.get_all("Record-Route"):
        answer.push_record_route(value)
    bob.node.send(Message(compacted(answer)), world.proxy)
    world.run()
    assert final_of(alice).status == 200


def test_clause_30_several_lines_and_one_with_commas_are_the_same() -> None:
    statuses = set()
    for headers in ((("Proxy-Require", "a"), ("Proxy-Require", "b")), (("Proxy-Require", "a, b"),)):
        world, alice, _ = two_phones()
        alice.request("MESSAGE", "sip:bob@example.com", headers)
        world.run()
        answer = final_of(alice)
        statuses.add((answer.status, answer.get("Unsupported")))
    assert statuses == {(420, "a, b")}


def test_clause_31_requests_that_came_by_two_ways_are_both_passed_on() -> None:
    """A proxy leaves it to the user agent to say 482 (RFC 3261 section 8.2.2.2)."""
    world, alice, bob = two_phones()
    for branch in ("z9hG4bK-north", "z9hG4bK-south"):
        alice.request("INVITE", "sip:bob@example.com", branch=branch)
    world.run()
    first, second = bob.got("INVITE")
    assert first.via.branch != second.via.branch
    bob.reply(first, 200)
    bob.reply(second, 482)
    world.run()
    assert sorted(message.status for message in alice.got() if message.status >= 200) == [200, 482]


def test_clause_48_the_tenth_of_twelve_targets_answers_when_nine_are_dead() -> None:
    """Three refuse the connection, three answer 503, three are silent until Timer B."""
    world = World()
    alice = world.phone("192.0.2.10")
    busy = [world.phone(f"192.0.2.{host}") for host in (104, 105, 106)]
    living = world.phone("192.0.2.110")
    world.names.hosts["carrier.example"] = [
        Destination("tcp" if host < 104 else "udp", f"192.0.2.{host}", 5060) for host in range(101, 113)
    ]
    alice.request("INVITE", "sip:+31@carrier.example")
    branches = set()
    for phone in busy:
        world.run()
        got = phone.expect("INVITE")
        branches.add(got.via.branch)
        phone.reply(got, 503)
    world.run(3 * 33)
    got = living.expect("INVITE")
    branches.add(got.via.branch)
    living.reply(got, 200)
    world.run()
    assert len(branches) == 4
    assert final_of(alice).status == 200


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_clause_49_a_call_that_failed_poisons_no_other(transport: str) -> None:
    world = World()
    alice = world.phone("192.0.2.10")
    world.names.hosts["carrier.example"] = [Destination(transport, "192.0.2.50", 5060)]
    alice.request("INVITE", "sip:+31@carrier.example")
    world.run(33)
    assert final_of(alice).status in (408, 500)
    carrier = world.phone("192.0.2.50", transport=transport)  # it is back
    alice.request("INVITE", "sip:+31@carrier.example", call_id="call-2")
    world.run()
    carrier.reply(carrier.expect("INVITE"), 200)
    world.run()
    assert alice.got(200)


def test_clause_38_retry_after_travels_with_a_refusal_and_with_the_500_that_a_503_becomes() -> None:
    for status, seen in ((480, 480), (503, 500), (600, 600)):
        world, alice, bob = two_phones()
        alice.request("INVITE", "sip:bob@example.com")
        world.run()
        bob.reply(bob.expect("INVITE"), status, (("Retry-After", "18 (at table)"),))
        world.run()
        assert (final_of(alice).status, final_of(alice).get("Retry-After")) == (seen, "18 (at table)")


def test_clause_60_a_host_under_invalid_is_reached_by_its_flow_or_not_at_all() -> None:
    world = World()
    alice = world.phone("192.0.2.10")
    alice.request("INVITE", "sip:bob@df7jal23ls0d.invalid")
    world.run()
    assert final_of(alice).status == 502


def test_clause_66_session_timers_pass_untouched_and_a_422_comes_back() -> None:
    world, alice, bob = two_phones()
    timers = (("Session-Expires", "90;refresher=uac"), ("Min-SE", "90"), ("Supported", "timer"))
    alice.request("INVITE", "sip:bob@example.com", timers)
    world.run()
    got = bob.expect("INVITE")
    assert [(name, got.get(name)) for name, _ in timers] == list(timers)
    bob.reply(got, 422, (("Min-SE", "3600"),))
    world.run()
    assert (final_of(alice).status, final_of(alice).get("Min-SE")) == (422, "3600")


def test_clause_69_a_subscribe_forks_gets_one_answer_and_notify_comes_from_every_fork() -> None:
    world, alice, phones = forked(0, 0)
    alice.request("SUBSCRIBE", "sip:bob@example.com", (("Event", "presence"),))
    world.run()
    requests = [phone.expect("SUBSCRIBE") for phone in phones]
    assert all(request.record_routes for request in requests)
    for phone, request in zip(phones, requests, strict=True):
        phone.reply(request, 200)
    world.run()
    assert len(alice.got(200)) == 1
    for phone, request in zip(phones, requests, strict=True):
        phone.within(request, "NOTIFY")
        world.run()
        alice.reply(alice.expect("NOTIFY") if phone is not phones[0] else after_answer(alice), 200)
        world.run()
        phone.expect(200)


def after_answer(alice: Phone) -> Message:
    alice.expect(200)
    return alice.expect("NOTIFY")


def test_clause_9_a_call_between_transports_is_record_routed_twice_and_works_both_ways() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20", transport="tcp")
    world.app.register("bob@example.com", bob)
    invite, answer = call(world, alice, bob)
    near_bob, near_alice = [route.uri for route in invite.record_routes]
    assert (near_bob.transport, near_alice.transport, near_bob.lr, near_alice.lr) == ("tcp", None, True, True)
    alice.within(answer, "INFO")
    bob.within(invite, "INFO")
    world.run()
    assert not bob.expect("INFO").has("Route")
    assert not alice.expect("INFO").has("Route")
