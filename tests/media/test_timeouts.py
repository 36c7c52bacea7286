from typing import Any

import pytest

from tests.media.world import World, sdp

A = sdp()
B = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")


def answered(offer: str = A, answer: str = B, **settings: Any) -> World:
    world = World(**({"timeout_s": 60.0, "held_timeout_s": 600.0, "unanswered_timeout_s": 180.0} | settings))
    world.offer(offer, via_branch="branch")
    world.answer(answer, via_branch="branch")
    return world


def run(world: World, seconds: int) -> None:
    """Lets the time pass as the daemon does, a scan a second."""
    for _ in range(seconds):
        world.turn(1)
        world.timeouts.scan()


def test_silence_ends_the_call_and_is_told() -> None:
    world = answered()
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert (len(world.calls), world.streams()) == (0, [])
    (event,) = world.events
    figures = event.pop("tags")
    assert event == {"event": "media timeout", "call-id": "call-1", "from-tag": "a", "to-tag": "b", "via-branch": "branch"}
    assert figures["a"] == {"medias": [{"streams": [{"stats": {"packets": 0}}], "ingress SSRCs": []}]}
    assert world.counters["media_timeouts_total|kind=media"] == 1


def test_a_packet_on_any_stream_keeps_the_call() -> None:
    world = answered()
    (stream,) = world.streams()
    for _ in range(5):
        run(world, 50)
        world.relay.heard[stream] = world.now_ns
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert len(world.events) == 1


def test_signalling_keeps_it_too() -> None:
    world = answered()
    run(world, 50)
    world.offer(A, to_tag="b")
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert len(world.events) == 1


@pytest.mark.parametrize("heard", [True, False])
def test_after_a_stall_of_the_process_the_parties_are_heard_before_they_are_judged(heard: bool) -> None:
    world = answered()
    (stream,) = world.streams()
    run(world, 3)
    world.turn(70)
    world.timeouts.scan()
    assert (len(world.calls), world.counters["media_stalls_total"]) == (1, 1)
    if heard:
        world.relay.heard[stream] = world.now_ns
    run(world, 4)
    assert len(world.calls) == 1
    run(world, 1)
    assert len(world.calls) == heard


def test_an_answer_that_waited_while_the_process_stood_still_is_in_time() -> None:
    world = World(timeout_s=60.0, unanswered_timeout_s=180.0)
    world.offer(A)
    run(world, 1)
    world.turn(200)
    world.timeouts.scan()
    world.answer(B)
    run(world, 59)
    assert (len(world.calls), world.events) == (1, [])


@pytest.mark.parametrize(
    "held", [sdp("m=audio 5000 RTP/AVP 0|a=sendonly"), sdp("m=audio 5000 RTP/AVP 0|a=inactive"), sdp(host="0.0.0.0")]
)
def test_a_held_call_has_longer(held: str) -> None:
    world = answered(held)
    run(world, 599)
    assert world.events == []
    run(world, 1)
    assert world.events[0]["event"] == "media timeout"


def test_a_call_with_one_line_not_held_is_not_held() -> None:
    half = sdp("m=audio 5000 RTP/AVP 0|a=inactive", "m=video 5002 RTP/AVP 96")
    world = answered(half, sdp("m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 96"))
    run(world, 60)
    assert len(world.events) == 1


def test_an_offer_nobody_answers_ends_too() -> None:
    world = World(unanswered_timeout_s=180.0)
    world.offer(A)
    run(world, 179)
    assert len(world.calls) == 1
    run(world, 1)
    assert world.events == [{"event": "offer timeout", "call-id": "call-1", "from-tag": "a", "tags": {"a": {"medias": []}}}]


def test_an_answer_after_long_ringing_starts_the_shorter_time() -> None:
    world = World(timeout_s=60.0, unanswered_timeout_s=180.0)
    world.offer(A)
    run(world, 61)
    world.answer(B)
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert world.events[0]["event"] == "media timeout"


def test_zero_is_never() -> None:
    world = answered(timeout_s=0.0)
    run(world, 400)
    assert len(world.calls) == 1


def test_a_call_that_came_again_under_the_same_name_is_another_one() -> None:
    world = answered()
    run(world, 30)
    world.serve("delete", call_id="call-1")
    world.offer(A)
    world.answer(B)
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert len(world.events) == 1


def test_many_offers_of_a_call_are_one_plan() -> None:
    world = answered()
    for _ in range(100):
        world.offer(A, to_tag="b")
    assert len(world.timeouts) == 1


@pytest.mark.parametrize("early", [{"SIP-code": 183}, {"flags": ["provisional"]}])
def test_ringing_with_an_early_answer_may_be_silent(early: dict[str, Any]) -> None:
    world = World(timeout_s=60.0, unanswered_timeout_s=180.0)
    world.offer(A)
    world.answer(B, **early)
    run(world, 170)
    world.answer(B, SIP_code=200)
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert world.events[0]["event"] == "media timeout"


def test_parties_that_both_sent_talk_though_only_a_provisional_answer_was_seen() -> None:
    world = World(timeout_s=60.0, unanswered_timeout_s=3600.0)
    world.offer(A)
    world.answer(B, SIP_code=183)
    (stream,) = world.streams()
    world.relay.counted = {(stream, side, 0): {"packets": 1} for side in (0, 1)}
    run(world, 30)
    world.relay.heard[stream] = world.now_ns
    run(world, 59)
    assert len(world.calls) == 1
    run(world, 1)
    assert world.events[0]["event"] == "media timeout"


def test_calls_that_ended_leave_no_plans() -> None:
    world = World(first_port=30000, last_port=39999)
    world.offer(A, call="stays")
    for number in range(3000):
        world.offer(A, call=str(number))
        world.serve("delete", call_id=str(number))
    world.timeouts.scan()
    assert len(world.timeouts) == 1
