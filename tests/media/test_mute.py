"""block, silence and their opposites: who is muted, and what the relay is told."""

from typing import Any

import pytest

from tests.media.world import World, sdp

A = sdp("m=audio 5000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000")
B = sdp("m=audio 6000 RTP/AVP 0 97|a=rtpmap:97 telephone-event/8000", host="198.51.100.1")
EVENTS = 1 << 5 | 1 << 1


def talking() -> tuple[World, int]:
    world = World()
    world.offer(A, label="caller")
    world.answer(B)
    return world, world.streams()[0]


@pytest.mark.parametrize(
    ("keys", "muted"),
    [
        ({}, (True, True)),
        ({"from_tag": "a"}, (True, False)),
        ({"from_tag": "b", "flags": ["directional"]}, (False, True)),
        ({"from_tag": "b", "to_tag": "a"}, (False, True)),
        ({"from_tag": "b", "flags": ["all"]}, (True, True)),
        ({"label": "caller"}, (True, False)),
        ({"address": "198.51.100.1"}, (False, True)),
    ],
)
def test_who_is_muted(keys: dict[str, Any], muted: tuple[bool, bool]) -> None:
    world, stream = talking()
    assert world.serve("block media", call_id="call-1", **keys) == {"result": "ok"}
    assert tuple(not world.relay.forwarding[stream, side] for side in (0, 1)) == muted
    assert world.serve("unblock media", call_id="call-1", **keys)["result"] == "ok"
    assert [world.relay.forwarding[stream, side] for side in (0, 1)] == [True, True]


def test_who_is_muted_may_get_another_label() -> None:
    world, stream = talking()
    world.serve("block media", call_id="call-1", label="caller", set_label="alice")
    assert world.serve("query", call_id="call-1")["tags"]["a"]["label"] == "alice"
    assert world.serve("unblock media", call_id="call-1", label="alice") == {"result": "ok"}
    assert world.relay.forwarding[stream, 0]


def test_dtmf_is_what_either_side_announces_as_events() -> None:
    world, stream = talking()
    world.serve("block DTMF", call_id="call-1", from_tag="a")
    assert [world.relay.blocked_types.get((stream, side), 0) for side in (0, 1)] == [EVENTS, 0]
    world.serve("unblock dtmf", call_id="call-1", from_tag="a")
    assert world.relay.blocked_types[stream, 0] == 0


def test_silence_and_block_do_not_know_of_each_other() -> None:
    world, stream = talking()
    world.serve("silence media", call_id="call-1", from_tag="a")
    world.serve("block media", call_id="call-1", from_tag="a")
    world.serve("unblock media", call_id="call-1", from_tag="a")
    assert (world.relay.silenced[stream, 0], world.relay.forwarding[stream, 0]) == (True, True)
    world.serve("unsilence media", call_id="call-1")
    assert not world.relay.silenced[stream, 0]


def test_it_lasts_over_hold_and_new_lines() -> None:
    world, stream = talking()
    world.serve("block media", call_id="call-1", from_tag="a")
    world.offer(A, to_tag="b")
    world.answer(sdp("m=audio 6000 RTP/AVP 0", host="0.0.0.0"))
    world.offer(A, to_tag="b")
    world.answer(B)
    assert [world.relay.forwarding[stream, side] for side in (0, 1)] == [False, True]
    fax = sdp("m=image 5010 udptl t38")
    world.offer(fax, to_tag="b")
    world.answer(fax)
    newest = world.streams()[-1]
    assert newest != stream
    assert [world.relay.forwarding[newest, side] for side in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"call_id": "call-2"}, "Unknown call-id"),
        ({}, "No call-id in message"),
        ({"call_id": "call-1", "from_tag": "x"}, "From-tag given, but no such tag exists"),
        ({"call_id": "call-1", "from_tag": "a", "to_tag": "x"}, "Call-ID not found or tags didn't match"),
        ({"call_id": "call-1", "label": "x"}, "No monologue matching the given label"),
        ({"call_id": "call-1", "address": "192.0.2.99"}, "Failed to match address to any tag"),
        ({"call_id": "call-1", "address": "phone"}, "address: 'phone' is not an IP address"),
    ],
)
def test_nobody_to_mute(keys: dict[str, Any], reason: str) -> None:
    world, stream = talking()
    assert world.serve("silence media", **keys) == {"result": "error", "error-reason": reason}
    assert (stream, 0) not in world.relay.silenced


def test_a_flag_of_the_offer_blocks_dtmf_of_both() -> None:
    world = World()
    audio = "m=audio 5000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000"
    world.offer(sdp(audio), flags=["block DTMF"])
    world.answer(sdp(audio))
    (stream,) = world.streams()
    assert world.relay.blocked_types == {(stream, side): 1 << 5 for side in (0, 1)}
