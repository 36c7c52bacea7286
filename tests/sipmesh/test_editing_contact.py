"""Calls and requests to the contact that we registered with a carrier."""

from __future__ import annotations

import pytest

from sipmesh.config import Register, Trunk, TrunkTarget
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import CARRIER, SignalWorld


def registering() -> tuple[SignalWorld, Phone, str]:
    """A trunk whose carrier calls from addresses nobody told us, the user part of our Contact there."""
    register = Register(aor="acct@carrier.example", password="s3cret")
    world = SignalWorld((Trunk(name="carrier", targets=(TrunkTarget(uri=f"sip:{CARRIER}"),), register=register, probe_s=0),))
    bob = world.phone("192.0.2.20")
    world.bind("bob@open.example", bob)
    state = world.trunks.get("carrier")
    assert state is not None
    return world, bob, world.trunks.contact_user(state)


@pytest.mark.parametrize(
    ("headers", "found"),
    [((), True), ((("P-Called-Party-ID", "<sip:bob@carrier.example>"),), True), ((("P-Called-Party-ID", "<sip:x@y>"),), False)],
)
def test_a_call_to_the_contact_we_registered_is_the_trunks(headers: tuple[tuple[str, str], ...], found: bool) -> None:
    world, bob, user = registering()
    stranger = world.phone("198.51.100.7")
    stranger.request("INVITE", f"sip:{user}@192.0.2.1", headers)
    world.run()
    if not found:
        assert stranger.expect(404)
        return
    invite = bob.expect("INVITE")
    assert invite.request_uri_text == bob.contact
    assert user not in invite.to_bytes().decode()
    [(_, record)] = world.stored.all()
    assert (record.trunk_in, record.callee) == ("carrier", "bob@192.0.2.1")


def test_a_registrar_may_ask_whether_the_contact_is_alive() -> None:
    world, _, user = registering()
    registrar = world.phone("198.51.100.7")
    registrar.request("OPTIONS", f"sip:{user}@192.0.2.1")
    world.run()
    assert registrar.expect(200).has("Allow")


@pytest.mark.parametrize("change", [("carrier~", "carrier~x"), ("carrier~", "other~"), ("carrier~k", "carrier~j")])
def test_a_forged_contact_opens_no_door(change: tuple[str, str]) -> None:
    world, bob, user = registering()
    stranger = world.phone("198.51.100.7")
    stranger.request("INVITE", f"sip:{user.replace(*change)}@192.0.2.1")
    world.run()
    assert stranger.got(403, 404, 407)
    bob.expect_nothing()


def test_the_contact_leads_no_further_than_to_our_users() -> None:
    world, _, user = registering()
    stranger = world.phone("198.51.100.7")
    stranger.request("INVITE", "sip:+4420@open.example")
    stranger.request("INVITE", f"sip:{user}@192.0.2.1", (("P-Called-Party-ID", "<sip:+4420@x>"),), call_id="call-2")
    world.run()
    assert [message.status for message in stranger.got() if message.status >= 200] in ([403, 404], [404, 404])
