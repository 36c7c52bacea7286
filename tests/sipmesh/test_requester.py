"""Requests of our own."""

from __future__ import annotations

from sipmesh.signalling.requester import UNREACHABLE
from tests.sipmesh.signal_world import SignalWorld


def test_a_request_with_a_header_that_can_not_be_written_is_not_sent() -> None:
    """A call's Route set comes from its parties, who may quote a NUL."""
    world, told = SignalWorld(), list[tuple[int, object]]()
    bob = world.phone("192.0.2.20")
    requester = world.ender._requester
    headers = [("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>;tag=2"), ("Call-ID", "c"), ("CSeq", "1 BYE")]
    for route in ("<sip:192.0.2.20;lr>", '"\\\0" <sip:192.0.2.20;lr>'):
        requester.send("BYE", "sip:bob@192.0.2.20", [("Route", route), *headers], lambda *how: told.append(how))
    world.run()
    assert len(bob.got("BYE")) == 1
    assert told == [(UNREACHABLE, None)]
