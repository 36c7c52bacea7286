"""sipmesh.signalling.sips: RFC 5630 section 5.3, in virtual time; tests/sipmesh/test_signal_tls.py has TLS itself."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.ports import Target
from sipmesh.config import Route, Trunk, TrunkTarget
from sipmesh.signalling.sips import suited
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import CARRIER, US, SignalWorld

TLS = ("udp", "tcp", "tls")


def world_of(contact: str = "", transports: tuple[str, ...] = TLS, target: str = "") -> tuple[SignalWorld, Phone, Phone]:
    """Alice over TLS, and bob at 192.0.2.20 as he registered; a carrier at ``target``."""
    targets = (TrunkTarget(uri=target),) if target else ()
    trunk = Trunk(name="carrier", targets=targets, sources=("192.0.2.99/32",), probe_s=0)
    world = SignalWorld((trunk,), (Route(match="+*", to="trunk:carrier"),) if target else (), transports=transports)
    alice = world.phone("192.0.2.10", transport="tls" if "tls" in transports else "udp")
    bob = world.phone("192.0.2.20", transport="tls" if contact.startswith("sips") or target.startswith("sips") else "udp")
    if contact:
        bob.__class__ = type("At", (Phone,), {"contact": contact})
        world.bind("bob@open.example", bob)
    return world, alice, bob


def called(world: SignalWorld, alice: Phone, uri: str) -> None:
    message = Message.request(
        "INVITE",
        uri,
        [
            ("Via", f"SIP/2.0/{alice.transport.upper()} 192.0.2.10:5060;branch=z9hG4bK-s"),
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@open.example>;tag=caller"),
            ("To", f"<{uri}>"),
            ("Call-ID", "call-1"),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<{alice.contact}>"),
        ],
    )
    alice.send(message)
    world.run()


def test_a_sips_call_reaches_a_sips_contact() -> None:
    world, alice, bob = world_of("sips:bob@192.0.2.20:5060")
    called(world, alice, "sips:bob@open.example")
    invite = bob.expect("INVITE")
    assert invite.request_uri_text == "sips:bob@192.0.2.20:5060"
    assert invite.via.transport == "TLS"
    assert invite.record_routes[0].uri.scheme == "sips"


@pytest.mark.parametrize("more", ["", ";transport=tcp", ";transport=tls"])
def test_a_sips_call_reaches_nobody_who_registered_in_the_clear(more: str) -> None:
    world, alice, bob = world_of(f"sip:bob@192.0.2.20{more}")
    called(world, alice, "sips:bob@open.example")
    answer = alice.expect(480)
    assert answer.get("Warning") == f'380 {US}:5060 "SIPS Not Allowed"'
    bob.expect_nothing()


def test_a_sip_call_reaches_a_sips_contact_over_tls_by_a_sip_uri() -> None:
    world, alice, bob = world_of("sips:bob@192.0.2.20:5060")
    called(world, alice, "sip:bob@open.example")
    invite = bob.expect("INVITE")
    assert (invite.request_uri_text, invite.via.transport) == ("sip:bob@192.0.2.20:5060", "TLS")


def test_or_not_at_all() -> None:
    world, alice, bob = world_of("sips:bob@192.0.2.20:5060", ("udp", "tcp"))
    called(world, alice, "sip:bob@open.example")
    assert alice.expect(480).get("Warning") == f'381 {US}:5060 "SIPS Required"'
    bob.expect_nothing()


@pytest.mark.parametrize(("uri", "sent"), [("sips:+4420@open.example", "sips"), ("sip:+4420@open.example", "sip")])
def test_a_sips_target_of_a_trunk_takes_both_over_tls(uri: str, sent: str) -> None:
    world, alice, bob = world_of(target="sips:192.0.2.20:5060")
    called(world, alice, uri)
    invite = bob.expect("INVITE")
    assert (invite.request_uri_text, invite.via.transport) == (f"{sent}:+4420@192.0.2.20:5060", "TLS")


@pytest.mark.parametrize("target", [f"sip:{CARRIER}", f"sip:{CARRIER};transport=tls"])
def test_a_sip_target_of_a_trunk_takes_no_sips_call(target: str) -> None:
    world, alice, _ = world_of(target=target)
    called(world, alice, "sips:+4420@open.example")
    assert alice.expect(480).has("Warning")
    assert not world.wire.sent(world.proxy, "INVITE")
    assert not world.stored.records


def test_a_foreign_sips_uri_is_called_over_tls() -> None:
    world, alice, bob = world_of("sips:bob@192.0.2.20:5060")
    called(world, alice, "sips:bob@192.0.2.20:5060")
    assert bob.expect("INVITE").via.transport == "TLS"


def test_spare_flows_follow_the_same_rule() -> None:
    secure, plain = Target("sips:a@h"), Target("sip:a@h")
    mixed = Target("sips:a@h", spare=(plain, secure))
    [target] = suited([mixed, plain], sips=True, tls=True, agent="us")
    assert [spare.uri for spare in target.spare] == ["sips:a@h"]
    first, second = suited([mixed, plain], sips=False, tls=True, agent="us")
    assert (first.uri, first.secure, second.secure) == ("sip:a@h", True, False)
    assert [(spare.uri, spare.secure) for spare in first.spare] == [("sip:a@h", False), ("sip:a@h", True)]
