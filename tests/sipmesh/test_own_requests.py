"""OPTIONS that ask the node itself (RFC 3261 section 11): which it answers at once, and those that only look like them."""

from __future__ import annotations

import pytest

from sipmesh.signalling.application import ALLOW
from tests.sipmesh.signal_world import US, SignalWorld


def ask(uri: str, to_tag: str | None = None) -> tuple[SignalWorld, int, str | None]:
    world = SignalWorld()
    phone = world.phone("192.0.2.50")
    phone.request("OPTIONS", uri, to_tag=to_tag)
    world.run()
    [answer] = phone.got()
    return world, answer.status, answer.get("Allow")


@pytest.mark.parametrize(
    "uri", ["sip:open.example", "sip:OPEN.example", "sip:open.example:5060", f"sip:{US}", "sips:open.example"]
)
def test_what_the_node_can_do(uri: str) -> None:
    assert ask(uri)[1:] == (200, ALLOW)


@pytest.mark.parametrize("uri", ["sip:nobody@open.example", "sip:other.example", "sip:open.example:5099", "sip:192.0.2.77"])
def test_others_are_not_answered_for(uri: str) -> None:
    assert ask(uri)[1] != 200


def test_nothing_is_kept_of_it_and_a_repetition_gets_the_same() -> None:
    world = SignalWorld()
    phone = world.phone("192.0.2.50")
    for _ in range(2):
        phone.request("OPTIONS", f"sip:{US}", branch="z9hG4bKtwice")
        world.run()
        assert world.layer.server_count == 0
    first, second = phone.got()
    assert first.to_bytes() == second.to_bytes()


def test_a_dialog_that_nobody_knows() -> None:
    assert ask("sip:open.example", to_tag="x")[1] == 200


def test_a_domain_that_is_gone_is_not_answered_for() -> None:
    world, status, _ = ask("sip:open.example")
    assert status == 200
    domains = world.app.tables.domains
    world.app.tables.domains = type(domains)((), lambda host: False)
    world.app._authorizer.serve(world.app.tables.domains)
    phone = world.phone("192.0.2.51")
    phone.request("OPTIONS", "sip:open.example", branch="z9hG4bKagain")
    world.run()
    assert phone.got()[-1].status != 200
