"""Calls of which the media daemon knows nothing any more."""

from __future__ import annotations

from typing import Any

import pytest

from native.sip import Message
from sipmesh.signalling.lost_media import AT_ONCE, GRACE_S, LostMedia
from tests.sipmesh.test_plain_calls import SDP, Call

UNKNOWN = {"result": "error", "error-reason": "Unknown call-id"}


def talking() -> tuple[Call, Message]:
    call = Call(known=True, relayed=True)
    call.bind()
    call.invite()
    ok = call.reply(200, body=SDP)
    call.within(ok, "ACK", cseq=1)
    return call, ok


def opened(call: Call) -> LostMedia:
    """The link to the daemon."""
    world = call.world
    made = LostMedia(world.calls, world.ender, call.relay.glue, world.wire.timers)
    made.link_opened()
    return made


def test_a_call_whose_worker_died_before_the_daemon_said_that_it_ended() -> None:
    call, ok = talking()
    call.relay.answers["delete"] = None
    call.within(ok, "BYE")
    call.reply(200, to="BYE")
    assert call.relay.commands[-1] == "delete"
    assert len(call.world.calls) == 1, "it waits for figures"
    call.world.start()
    assert len(call.world.calls) == 1, "and the next worker can't know that it is over"
    call.relay.answers |= {"query": UNKNOWN, "delete": UNKNOWN}
    opened(call)
    call.world.run(GRACE_S - 1)
    assert "query" not in call.relay.commands
    call.world.run(2)
    for phone in (call.alice, call.bob):
        phone.reply(phone.got("BYE")[-1], 481)
    call.run()
    assert (len(call.world.calls), call.world.stored.all()) == (0, [])
    cdr = call.world.cdrs[-1]  # the one before is that of the dead worker, whose timers go on here
    assert (cdr.cause, cdr.disposition, cdr.call.media) == ("media-lost", "answered", None)


@pytest.mark.parametrize("answer", [{"result": "ok", "tags": {}}, None, {"result": "error", "error-reason": "anything else"}])
def test_a_call_that_the_daemon_has_or_does_not_speak_of_goes_on(answer: dict[str, Any] | None) -> None:
    call, _ = talking()
    call.relay.answers["query"] = answer
    opened(call)
    call.world.run(GRACE_S + 5)
    assert "query" in call.relay.commands
    assert call.bob.got("BYE") == []
    assert len(call.world.calls) == 1


def test_a_call_that_the_daemon_never_had_goes_on() -> None:
    """Its bodies are of another type."""
    call = Call(known=True, relayed=True)
    call.bind()
    call.invite(body=b"")
    call.within(call.reply(200), "ACK", cseq=1)
    assert call.relay.commands == []
    opened(call)
    call.world.run(GRACE_S + 5)
    assert (call.relay.commands, len(call.world.calls)) == ([], 1)


def test_a_call_that_is_being_hung_up_ends_by_its_bye() -> None:
    call, ok = talking()
    call.relay.answers["query"] = UNKNOWN
    opened(call)
    call.world.run(GRACE_S - 0.5)
    call.within(ok, "BYE")
    call.world.run(1)
    assert "query" in call.relay.commands
    assert len(call.bob.got("BYE")) >= 1
    assert call.alice.got("BYE") == []


def test_the_minute_begins_with_the_last_opening() -> None:
    call, _ = talking()
    lost = opened(call)
    call.world.run(GRACE_S - 1)
    lost.link_opened()
    call.world.run(GRACE_S - 1)
    assert "query" not in call.relay.commands
    call.world.run(2)
    assert call.relay.commands.count("query") == 1


def test_many_calls_are_asked_for_bit_by_bit() -> None:
    call, _ = talking()
    (key,) = call.world.calls.keys_of("call-1")
    opened(call)
    call.world.calls.relayed_keys = lambda: [key] * (2 * AT_ONCE + 1)  # type: ignore[method-assign]
    call.world.run(GRACE_S + 0.05)
    assert call.relay.commands.count("query") == AT_ONCE
    call.world.run(0.3)
    assert call.relay.commands.count("query") == 2 * AT_ONCE + 1
