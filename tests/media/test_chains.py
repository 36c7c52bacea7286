"""Whose port it is that a party names: chains of calls that come through here twice go, circles don't."""

from types import SimpleNamespace
from typing import Any

import pytest

from media.endpoint import NOWHERE, Address, Endpoint
from media.line import Line
from media.settings import Interface
from native.relay import RTP, SYMMETRIC
from tests.media.world import FAR, NEAR, World, ports_of, sdp

OURS = "192.0.2.10"
A = sdp(host="192.0.2.1")
B = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")


def at(port: int, host: str = OURS, *attributes: str) -> str:
    return sdp("|".join([f"m=audio {port} RTP/AVP 0", *attributes]), host=host)


def refused(world: World, body: str, **keys: Any) -> str:
    tags = {"call_id": "call-1", "from_tag": "a", "to_tag": "b"}
    reply = world.serve("answer", sdp=body, **(tags | keys))
    assert reply["result"] == "error"
    assert all(remote is None or remote[0] != OURS for remote, _, _ in world.relay.remotes.values())
    return str(reply["error-reason"])


def opened(world: World, bound: str) -> Line:
    return world.calls.lines.open(RTP, 2, (Interface(bound), Interface(bound)), None)


def test_a_port_is_ours_from_when_it_is_taken_until_it_is_given_back() -> None:
    world = World()
    line = opened(world, OURS)
    first, has = line.blocks[0].port, world.calls.lines.chains.has
    assert all(has(OURS, first + offset) for offset in range(4))
    assert not has(OURS, min(line.blocks[0].port, line.blocks[1].port) - 1)
    world.calls.lines.close(line)
    assert has(OURS, first)
    world.calls.lines.reap()
    assert not has(OURS, first)


@pytest.mark.parametrize(
    ("bound", "host", "ours"),
    [
        ("192.0.2.10", "192.0.2.10", True),
        ("192.0.2.10", "::ffff:192.0.2.10", True),
        ("192.0.2.10", "192.0.2.11", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("2001:DB8:0::1", "2001:db8::1", True),
        ("::", "2001:db8::1", True),
        ("::", "192.0.2.10", False),
        ("::", "fe80::1%eth0", False),
    ],
)
def test_whether_a_port_of_that_host_is_ours(bound: str, host: str, ours: bool) -> None:
    world = World((Interface(bound),))
    assert world.calls.lines.chains.has(host, opened(world, bound).blocks[0].port + 1) is ours


def test_a_call_that_comes_through_twice_is_a_chain() -> None:
    world = World()
    (to_far,) = ports_of(world.offer(A))
    (to_b,) = ports_of(world.offer(at(to_far), call="call-2"))
    (back,) = ports_of(world.answer(B, call="call-2"))
    world.answer(at(back))
    assert world.remote(1, 1) == (OURS, back)
    assert world.remote(2, 0) == (OURS, to_far)
    assert len({to_far, to_b, back}) == 3


def test_a_party_at_its_own_port_gets_what_it_sends_and_no_more() -> None:
    """What is sent to the answerer comes back as if the answerer sent it, and leaves to the offerer."""
    world = World()
    (to_b,) = ports_of(world.offer(A))
    world.answer(at(to_b))
    assert world.remote(1, 1) == (OURS, to_b)


def test_a_party_at_the_port_of_the_other_is_a_circle() -> None:
    world = World((Interface(OURS, advertise="203.0.113.1"),))
    (to_b,) = ports_of(world.offer(A))
    world.answer(B)
    world.offer(at(to_b, "203.0.113.1"))
    assert refused(world, B) == f"Media sent to 203.0.113.1 port {to_b}, which is ours, would come back here"
    world.offer(A)
    world.answer(B)


def test_two_parties_at_their_own_ports_are_a_circle() -> None:
    world = World()
    (to_b,) = ports_of(world.offer(A))
    (to_a,) = ports_of(world.answer(B))
    world.offer(at(to_a))
    assert refused(world, at(to_b)) == f"Media sent to {OURS} port {to_a}, which is ours, would come back here"


def test_a_circle_of_rtcp() -> None:
    world = World()
    (to_b,) = ports_of(world.offer(A))
    (to_a,) = ports_of(world.answer(B))
    world.offer(sdp(f"m=audio 5000 RTP/AVP 0|a=rtcp:{to_a + 1} IN IP4 {OURS}"))
    elsewhere = f"m=audio 6000 RTP/AVP 0|a=rtcp:{to_b + 1} IN IP4 {OURS}"
    assert "would come back here" in refused(world, sdp(elsewhere, host="198.51.100.1"))


def test_a_circle_over_several_calls_and_interfaces() -> None:
    """Each call's answerer is at the port of the next one's offerer; the last one's at the first one's."""
    world = World((NEAR, FAR))
    ways = {"direction": [NEAR.name, FAR.name]}
    ports = []
    for call in ("call-0", "call-1", "call-2"):
        (to_b,) = ports_of(world.offer(A, call=call, **ways))
        (to_a,) = ports_of(world.answer(B, call=call, **ways))
        ports.append((to_a, to_b))
    for number in (0, 1):
        world.offer(A, call=f"call-{number}", **ways)
        world.answer(at(ports[number + 1][0], NEAR.address), call=f"call-{number}", **ways)
    world.offer(A, call="call-2", **ways)
    reply = world.serve("answer", sdp=at(ports[0][0], NEAR.address), call_id="call-2", from_tag="a", to_tag="b", **ways)
    assert reply["error-reason"] == f"Media sent to {NEAR.address} port {ports[0][0]}, which is ours, would come back here"


def place(rtp: Address | None, rtcp: Address | None = None) -> Endpoint:
    return Endpoint(rtp, rtcp, SYMMETRIC, None, False)


@pytest.mark.parametrize(
    ("offset", "rtcp", "named"),
    [
        (0, None, True),
        (1, None, True),
        (-1, None, True),  # RTCP goes to the next port
        (-1, ("192.0.2.1", 9), True),  # so does RTP of the line's second pair
        (-2, None, True),
        (-4, None, False),
        (4, None, False),
        (-100, 3, True),
        (-100, 4, False),
    ],
)
def test_places_on_ports_of_ours_are_looked_at(offset: int, rtcp: Any, named: bool) -> None:
    world = World(first_port=30000, last_port=30009)
    line = opened(world, OURS)
    first = min(block.port for block in line.blocks)
    if isinstance(rtcp, int):
        rtcp = ("192.0.2.1", max(block.port for block in line.blocks) + rtcp)
    said = SimpleNamespace(endpoint=place(("192.0.2.1", first + offset if offset < 4 else 30010), rtcp))
    nowhere = SimpleNamespace(endpoint=NOWHERE)
    chains = world.calls.lines.chains
    assert chains.named([line], [said], [nowhere]) is named
    assert chains.named([None, line], [said, nowhere], [said, said]) is named
    assert not chains.named([None, line], [said, nowhere], [said])
    line.places = (said.endpoint, NOWHERE)
    assert chains.named([line], [nowhere], [nowhere]) is named
    chains.reserve(9)
    assert chains.named([line], [nowhere], [SimpleNamespace(endpoint=place(None, ("192.0.2.1", 8)))])
