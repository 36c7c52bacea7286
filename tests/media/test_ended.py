"""A proxy that asks for a call which it has just deleted."""

import pytest

from media import bencode
from media.ended import KEPT_S, MAX_BYTES, EndedCalls
from tests.media.test_report import counted
from tests.media.world import World, sdp

UNKNOWN = {"result": "error", "error-reason": "Unknown call-id"}


def test_a_query_after_the_delete_tells_what_the_delete_told() -> None:
    world = counted(World())
    told = world.serve("delete", call_id="call-1", from_tag="a")
    assert told["totals"]["RTP"]["packets"] == 190
    assert world.serve("query", call_id="call-1", from_tag="a") == told
    world.turn(KEPT_S - 1)
    assert world.serve("query", call_id="call-1") == told
    world.turn(1)
    assert world.serve("query", call_id="call-1") == UNKNOWN


def test_another_host_is_told_no_more_than_fits_into_a_datagram() -> None:
    world = counted(World())
    world.serve("delete", call_id="call-1", from_tag="a")
    reply = world.dispatcher.datagram(b"1 d7:call-id6:call-17:command5:querye", ("192.0.2.9", 9), 65507)
    assert reply is not None
    assert len(reply) <= 1400
    assert bencode.decode(reply[2:])["result"] == "ok"


def test_the_call_itself_is_gone() -> None:
    world = counted(World())
    world.serve("delete", call_id="call-1")
    assert (len(world.calls), world.streams(), world.serve("list")["calls"]) == (0, [], [])
    assert world.serve("answer", call_id="call-1", from_tag="a", to_tag="b", sdp=sdp()) == UNKNOWN


def test_another_call_of_that_name_is_told_of_first() -> None:
    world = counted(World())
    world.serve("delete", call_id="call-1")
    world.offer(sdp())
    assert world.serve("query", call_id="call-1")["totals"]["RTP"]["packets"] == 0
    told = world.serve("delete", call_id="call-1")
    assert world.serve("query", call_id="call-1") == told
    assert len(world.commands.ended) == 1


@pytest.mark.parametrize("flag", ["fast", "brief"])
def test_who_wants_no_statistics_gets_none_later(flag: str) -> None:
    world = counted(World())
    world.serve("delete", call_id="call-1", flags=[flag])
    assert world.serve("query", call_id="call-1") == UNKNOWN
    assert len(world.commands.ended) == 0


def test_a_query_without_call_id_is_refused() -> None:
    assert "No call-id" in World().serve("query")["error-reason"]


def test_what_is_kept_is_bounded_and_goes_by_itself() -> None:
    world = World()
    ended = EndedCalls(world.clock)
    large = "x" * 200_000
    for number in range(100):
        ended.keep(f"call {number}", {"totals": large})
    assert MAX_BYTES - 200_000 <= ended.size_bytes + 1000 <= MAX_BYTES + 1000
    assert [number for number in range(100) if ended.told(f"call {number}")] == [*range(100 - len(ended), 100)]
    world.turn(KEPT_S)
    ended.scan()
    assert (len(ended), ended.size_bytes) == (0, 0)
    ended.keep("huge", {"totals": 2 * large})
    assert (len(ended), ended.size_bytes, ended.told("huge")) == (0, 0, None)
