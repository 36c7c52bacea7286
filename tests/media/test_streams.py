import pytest

from media.encodings import RtpMap
from media.endpoint import NOWHERE, Endpoint
from media.errors import OutOfPortsError, RequestError
from media.line import Line
from media.streams import Lines
from native import relay
from tests.media.world import FAR, NEAR, World

LEAVING = 64  # lines whose ports are freed at once
OPUS = RtpMap({96: "opus/48000/2"}, {96: 48000}, {96: 48000}, 0)
PCMU = RtpMap({0: "PCMU"}, {}, {}, 0)
AT = Endpoint(("192.0.2.1", 5000), ("192.0.2.1", 5001), relay.SYMMETRIC, "192.0.2.1", False)


def lines(world: World) -> Lines:
    return world.calls.lines


def opened(world: World, kind: int = relay.RTP, count: int = 1, beside: Line | None = None) -> Line:
    return lines(world).open(kind, count, (NEAR, FAR), beside)


def test_a_line_has_a_stream_per_pair_or_per_port() -> None:
    world = World((NEAR, FAR))
    rtp, opaque = opened(world, count=2), opened(world, relay.OPAQUE, 2)
    assert (len(rtp.streams), len(opaque.streams)) == (2, 4)
    assert [rtp.component(1, rtcp) for rtcp in (False, True)] == [(rtp.streams[1], 0), (rtp.streams[1], 1)]
    assert [opaque.component(1, rtcp) for rtcp in (False, True)] == [(opaque.streams[2], 0), (opaque.streams[3], 0)]
    assert len(world.open_sockets) == 16


def test_streams_of_a_call_share_a_thread() -> None:
    world = World((NEAR, FAR))
    first = opened(world)
    others = [opened(world, relay.OPAQUE, beside=first) for _ in range(3)]
    threads = {world.relay.threads[stream] for line in (first, *others) for stream in line.streams}
    assert len(threads) == 1


def test_no_port_on_the_far_side_gives_the_near_one_back() -> None:
    world = World((NEAR, FAR), first_port=30000, last_port=30003)
    world.pools[FAR.address].take(2)
    held = set(world.open_sockets)
    with pytest.raises(OutOfPortsError):
        opened(world)
    assert world.open_sockets == held
    assert world.pools[NEAR.address].free == 2


@pytest.mark.parametrize("capacity", [0, 1, 2, 3])
def test_a_full_table_gives_everything_back(capacity: int) -> None:
    world = World((NEAR, FAR), relay_capacity=capacity)
    with pytest.raises(OutOfPortsError):
        opened(world, relay.OPAQUE, 2)
    assert len(world.open_sockets) == 2 * capacity
    assert world.streams() == []
    assert world.free_ports() == [50, 50]


def test_too_many_ports_for_a_line() -> None:
    with pytest.raises(RequestError, match="9 ports for one m= line, at most 8 are relayed"):
        opened(World((NEAR, FAR)), count=9)


def test_rtcp_elsewhere_is_learned_there() -> None:
    world = World((NEAR, FAR))
    line = opened(world)
    split = Endpoint(("192.0.2.1", 5000), ("192.0.2.7", 5009), relay.SYMMETRIC, "192.0.2.1", False)
    lines(world).place(line, 0, split, False)
    assert world.relay.remotes[line.streams[0], 0, 1] == (("192.0.2.7", 5009), relay.SYMMETRIC, "192.0.2.7")


def test_a_party_that_is_nowhere_is_sent_nothing() -> None:
    world = World((NEAR, FAR))
    line = opened(world)
    lines(world).place(line, 0, AT, False)
    lines(world).place(line, 0, NOWHERE, False)
    assert world.remote(line.streams[0], 0) is None


def test_only_rtp_has_clocks() -> None:
    world = World((NEAR, FAR))
    rtp, opaque = opened(world), opened(world, relay.OPAQUE)
    for line in (rtp, opaque):
        lines(world).learn(line, OPUS, PCMU)
    assert world.relay.clocks == {(rtp.streams[0], 96): 48000}


def test_closing_counts_and_frees() -> None:
    world = World((NEAR, FAR))
    line = opened(world)
    world.relay.counted[line.streams[0], 1, 0] = {"packets": 7, "bytes": 70, "send_errors": 1, "malformed": 2}
    totals = lines(world).totals(line)
    lines(world).close(line)
    assert (totals.rtp.packets, totals.rtp.bytes, totals.rtp.errors, totals.rtcp.packets) == (7, 70, 3, 0)
    assert world.streams() == []
    lines(world).reap()
    assert world.free_ports() == [50, 50]


def test_an_opaque_line_counts_by_port() -> None:
    world = World((NEAR, FAR))
    line = opened(world, relay.OPAQUE)
    world.relay.counted = {(line.streams[0], 0, 0): {"packets": 7}, (line.streams[1], 1, 0): {"packets": 2}}
    totals = lines(world).totals(line)
    assert (totals.rtp.packets, totals.rtcp.packets) == (7, 2)


def test_ports_are_freed_many_at_a_time_or_when_none_is_left() -> None:
    world = World((NEAR, FAR), first_port=30000, last_port=30003)
    for _ in range(3):
        lines(world).close(opened(world))
    assert world.relay.reaped == 2
    assert world.free_ports() == [2, 2]
    world = World((NEAR, FAR), first_port=30000, last_port=30000 + 4 * LEAVING)
    for _ in range(LEAVING):
        assert world.relay.reaped == 0
        lines(world).close(opened(world))
    assert world.relay.reaped == LEAVING


def test_a_line_whose_ports_cannot_be_given_back_keeps_nobody_else_s() -> None:
    world = World((NEAR, FAR))
    broken, other = opened(world), opened(world)
    world.pools[NEAR.address].give_back(broken.blocks[0])
    lines(world).close(broken)
    lines(world).close(other)
    with pytest.raises(ValueError, match="only what was taken"):
        lines(world).reap()
    lines(world).reap()
    assert world.free_ports() == [50, 49]
