import pytest

from media.errors import SESSION_LIMIT, LoadLimitError
from tests.media.world import World, sdp


def test_the_limit_counts_living_calls_only() -> None:
    world = World(max_calls=2)
    first = world.calls.create("one")
    world.calls.create("two")
    with pytest.raises(LoadLimitError) as caught:
        world.calls.create("three")
    assert caught.value.reason == SESSION_LIMIT
    assert world.calls.rejected_count == 1
    world.calls.end(first)
    world.calls.create("three")
    assert sorted(call.call_id for call in world.calls) == ["three", "two"]


def test_ending_twice_counts_once() -> None:
    world = World()
    call = world.calls.create("one")
    world.turn(5)
    world.calls.end(call)
    world.calls.end(call)
    assert (world.calls.ended_count, world.calls.ended_seconds) == (1, 5.0)


def test_a_dropped_call_never_was() -> None:
    world = World()
    world.calls.drop(world.calls.create("one"))
    assert (len(world.calls), world.calls.ended_count) == (0, 0)


def test_an_ended_dialogue_leaves_its_count_with_the_call() -> None:
    world = World()
    world.offer(sdp())
    world.answer(sdp())
    (stream,) = world.streams()
    world.relay.counted[stream, 0, 0] = {"packets": 5, "bytes": 50}
    (call,) = world.calls
    world.calls.end_dialogue(call, call.dialogues[0])
    assert (call.dialogues, call.past.rtp.packets, world.streams()) == ([], 5, [])
