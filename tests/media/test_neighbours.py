"""Media goes to no server of the node: it would take a party's words for those of whom the host belongs to."""

import pytest

from media.settings import Interface
from tests.media.world import World, sdp

OURS = "127.0.0.1"
A = sdp(host="192.0.2.1")
SIP, NG = (OURS, 5060), (OURS, 2223)


def opaque(port: int, host: str) -> str:
    return sdp(f"m=image {port} udptl t38", host=host)


def refused(world: World, offered: str, answered: str) -> str:
    world.offer(offered)
    reply = world.serve("answer", sdp=answered, call_id="call-1", from_tag="a", to_tag="b")
    assert reply["result"] == "error"
    assert all(remote is None for remote, _, _ in world.relay.remotes.values())
    return str(reply["error-reason"])


@pytest.mark.parametrize("server", [SIP, NG])
def test_a_party_at_a_server_of_ours_is_refused(server: tuple[str, int]) -> None:
    world, other = (World((Interface(OURS),), servers=(SIP,), ng=NG) for _ in range(2))
    reason = f"Media sent to {OURS} port {server[1]} would reach a server of this node"
    assert refused(world, opaque(6000, "192.0.2.1"), opaque(server[1], OURS)) == reason
    assert refused(other, opaque(server[1], OURS), opaque(6000, "192.0.2.1")) == reason


def test_the_rtcp_of_a_party_reaches_it_too() -> None:
    world = World((Interface(OURS),), servers=(SIP,))
    assert "port 5060" in refused(world, A, sdp(f"m=audio {SIP[1] - 1} RTP/AVP 0", host=OURS))
    world = World((Interface(OURS),), servers=(SIP,))
    assert "port 5060" in refused(world, A, sdp("m=audio 6000 RTP/AVP 0|a=rtcp:5060", host=OURS))


@pytest.mark.parametrize(
    ("bound", "named", "goes"),
    [
        (OURS, "::ffff:127.0.0.1", False),
        (OURS, "203.0.113.1", False),  # what the node is known by
        (OURS, "192.0.2.9", True),
        ("0.0.0.0", "127.0.0.2", False),
        ("0.0.0.0", "203.0.113.1", False),
        ("0.0.0.0", "192.0.2.9", True),
        ("::", "192.0.2.9", True),
        ("::1", "203.0.113.1", True),
    ],
)
def test_which_hosts_are_ours(bound: str, named: str, goes: bool) -> None:
    world = World((Interface(OURS, advertise="203.0.113.1"),), servers=((bound, 5060),))
    if goes:
        world.offer(A)
        world.answer(sdp("m=audio 5060 RTP/AVP 0", host=named))
        assert world.remote(1, 1) == (named, 5060)
    else:
        assert "would reach a server" in refused(world, A, sdp("m=audio 5060 RTP/AVP 0", host=named))


def test_other_ports_of_that_host_are_phones() -> None:
    world = World((Interface(OURS),), servers=(SIP,))
    world.offer(A)
    world.answer(sdp("m=audio 6000 RTP/AVP 0", host=OURS))
    assert world.remote(1, 1) == (OURS, 6000)
