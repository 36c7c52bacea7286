import logging
from typing import Any

import pytest

from tests.media.world import World, lines_of, ports_of, sdp

A = sdp()
B = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")
NO_MATCH = "Call-ID not found or tags didn't match"


def talking(world: World, **keys: Any) -> World:
    world.offer(A, **keys)
    world.answer(B, **keys)
    return world


def test_ping() -> None:
    assert World().serve("ping") == {"result": "pong"}


def test_a_command_is_needed_and_must_be_known() -> None:
    world = World()
    assert world.request({})["error-reason"] == 'Dictionary contains no key "command"'
    assert world.serve("play")["error-reason"] == "Unrecognized command"
    assert world.serve("play_DTMF")["error-reason"] == "play dtmf is not served here"
    assert world.counters["media_ng_errors_total|command=unknown"] == 3


def test_requests_and_errors_are_counted_by_command() -> None:
    world = talking(World())
    world.serve("query", call_id="nobody")
    assert world.counters["media_ng_requests_total|command=offer"] == 1
    assert world.counters["media_ng_requests_total|command=query"] == 1
    assert world.counters["media_ng_errors_total|command=query"] == 1
    assert "media_ng_errors_total|command=offer" not in world.counters


def test_the_session_limit_in_both_forms() -> None:
    world = talking(World(max_calls=1))
    request = {"command": "offer", "sdp": A, "call-id": "other", "from-tag": "a"}
    text = "Parallel session limit reached"
    assert world.request(request) == {"result": "error", "error-reason": text}
    reply = world.request(request | {"supports": ["load limit"]})
    assert reply == {"result": "load limit", "message": text}
    world.offer(A, to_tag="b")
    world.serve("delete", call_id="call-1")
    world.offer(A, call="other")


def test_delete_by_call_id_alone_ends_everything() -> None:
    world = talking(World())
    world.offer(A, via_branch="other")
    reply = world.serve("delete", call_id="call-1")
    assert reply["result"] == "ok"
    assert reply["totals"]["RTP"] == {"packets": 0, "bytes": 0, "errors": 0}
    assert (len(world.calls), world.streams()) == (0, [])
    assert world.free_ports() == [50]


@pytest.mark.parametrize("frm", ["a", "b"])
def test_delete_by_either_party_takes_the_unanswered_forks_along(frm: str) -> None:
    world = World()
    world.offer(A, via_branch="1")
    world.offer(A, via_branch="2")
    world.answer(B, via_branch="2")
    world.serve("delete", call_id="call-1", from_tag=frm, flags=["fast"])
    assert len(world.calls) == 0


def test_delete_of_a_branch_leaves_the_others() -> None:
    world = World()
    world.offer(A, via_branch="1")
    kept = world.offer(A, via_branch="2")
    world.serve("delete", call_id="call-1", from_tag="a", via_branch="1")
    assert len(world.streams()) == 1
    assert world.offer(A, via_branch="2") == kept
    world.serve("delete", call_id="call-1", via_branch="2")
    assert len(world.calls) == 0


def test_delete_of_one_of_two_dialogs_by_to_tag() -> None:
    world = World()
    for tag in ("b1", "b2"):
        world.offer(A, via_branch=tag)
        world.answer(B, to=tag, via_branch=tag)
    world.serve("delete", call_id="call-1", from_tag="a", to_tag="b1", flags=["to-tag"])
    assert [dialogue.sides[1].tag for dialogue in next(iter(world.calls)).dialogues] == ["b2"]


def test_delete_with_the_tag_of_a_failure_finds_the_offer_nobody_answered() -> None:
    world = World()
    world.offer(A)
    assert "warning" not in world.serve("delete", call_id="call-1", from_tag="a", to_tag="busy", flags=["to-tag"])
    assert len(world.calls) == 0


@pytest.mark.parametrize(
    "keys", [{"call-id": "nobody"}, {"call-id": "call-1", "from-tag": "x"}, {"call-id": "call-1", "via-branch": "x"}]
)
def test_delete_of_nothing_warns_or_fails(keys: dict[str, str]) -> None:
    world = talking(World())
    assert world.request({"command": "delete"} | keys) == {"result": "ok", "warning": NO_MATCH}
    reply = world.request({"command": "delete", "flags": ["fatal"]} | keys)
    assert reply == {"result": "error", "error-reason": NO_MATCH}
    assert len(world.calls) == 1


def test_a_fast_delete_tells_nothing() -> None:
    assert talking(World()).serve("delete", call_id="call-1", flags=["fast"]) == {"result": "ok"}


def test_a_delayed_delete_happens_later_unless_the_call_goes_on() -> None:
    world = talking(World())
    world.serve("delete", call_id="call-1", delete_delay=5)
    world.turn(4.9)
    world.timeouts.scan()
    assert len(world.calls) == 1
    world.turn(0.2)
    world.timeouts.scan()
    assert (len(world.calls), world.events) == (0, [])
    talking(world)
    world.serve("delete", call_id="call-1", delete_delay=5)
    world.offer(A, to_tag="b")
    world.turn(6)
    world.timeouts.scan()
    assert len(world.calls) == 1


def test_list_is_limited() -> None:
    world = World(last_port=30999)
    for number in range(40):
        world.offer(A, call=f"call-{number}")
    assert len(world.serve("list")["calls"]) == 32
    assert world.serve("list", limit=2)["calls"] == ["call-0", "call-1"]


def test_query_of_nothing() -> None:
    world = talking(World())
    assert world.serve("query", call_id="x")["error-reason"] == "Unknown call-id"
    reply = world.serve("query", call_id="call-1", from_tag="x")
    assert (reply["result"], reply["tags"], reply["totals"]["RTP"]["packets"]) == ("ok", {}, 0)
    assert world.serve("query")["error-reason"] == "No call-id in message"


def test_the_origin_is_ours_for_our_own_proxy() -> None:
    world = World()
    keys = {"sdp": A, "call-id": "c", "from-tag": "a"}
    own = world.request({"command": "offer"} | keys, own=True)["sdp"]
    assert lines_of(own, "o=")[0].startswith("o=- ")
    assert lines_of(own, "o=")[0].endswith(" IN IP4 192.0.2.10")
    assert lines_of(world.offer(A), "o=") == lines_of(A, "o=")


def test_a_fragment_with_candidates_is_taken_and_nothing_follows_from_it() -> None:
    world = World()
    sent = {"sdp": "a=ice-ufrag:abcd\r\nm=audio 9 RTP/AVP 0\r\na=candidate:x\r\n", "flags": ["fragment"], "from_tag": "a"}
    assert world.serve("offer", call_id="call-1", **sent) == {"result": "ok"}
    assert not world.streams()
    told = world.offer(A)
    for command in ("offer", "answer"):
        assert world.serve(command, call_id="call-1", to_tag="b", **sent) == {"result": "ok"}
    assert world.offer(A) == told
    assert world.serve("offer", call_id="call-1", **sent | {"sdp": ""})["error-reason"] == "No SDP body in message"


def test_what_is_ignored_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.INFO, "media"):
        for _ in range(3):
            world.offer(A, flags=["moonlight"], moon="full")
    ignored = [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]
    assert ignored == ["ng flag 'moonlight' is not served here and ignored", "ng key 'moon' is not served here and ignored"]


def test_ports_of_an_ended_call_rest_before_they_are_used_again() -> None:
    world = World()
    used = ports_of(world.offer(A))
    world.serve("delete", call_id="call-1")
    assert ports_of(world.offer(A)) != used


@pytest.mark.parametrize("command", ["block DTMF", "block dtmf", "block-DTMF", "block_dtmf", " Block DTMF "])
def test_commands_in_any_spelling(command: str) -> None:
    world = World()
    world.offer(sdp())
    assert world.serve(command, call_id="call-1") == {"result": "ok"}
