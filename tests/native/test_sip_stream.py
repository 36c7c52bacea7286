"""StreamFlow: messages cut out of what a connection brings, and what waits for the end of a batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import MAX_MESSAGE_BYTES, Message, StreamFlow
from tests.native.shell import Engine, Ingress, Layer, Stream
from tests.native.sip_samples import INVITE

REGISTER = INVITE.replace(b"INVITE", b"REGISTER")


def world(**options: Any) -> tuple[Stream, list[bytes]]:
    """A connection and the messages it brought."""
    engine, seen = Engine(), []
    engine.receive = lambda data, flow: seen.append(data)
    return Stream(engine, **options), seen


def feed(data: bytes, size: int) -> tuple[Stream, list[bytes]]:
    stream, seen = world()
    for start in range(0, len(data), size):
        stream.data_received(data[start : start + size])
    return stream, seen


@pytest.mark.parametrize("size", [1, 2, 7, 100, 512, 100_000])
def test_the_same_messages_however_they_are_cut(size: int) -> None:
    stream, seen = feed(INVITE + b"\r\n\r\n" + REGISTER + b"\r\n" + INVITE, size)
    assert seen == [INVITE, REGISTER, INVITE]
    assert stream.told.count("crlf") == 3
    assert stream.had_message
    assert not [told for told in stream.told if told.startswith("garbage")]


def test_one_message_is_not_copied() -> None:
    stream, seen = world()
    stream.data_received(INVITE)
    assert seen[0] is INVITE
    assert stream.told == []


def test_the_owner_is_told_when_the_beginning_of_another_message_is_kept() -> None:
    stream, seen = world()
    stream.data_received(INVITE + REGISTER[:50])
    assert (seen, stream.told) == ([INVITE], ["partial True"])
    stream.partial_timer = SimpleNamespace()  # type: ignore[assignment]
    stream.data_received(REGISTER[50:60])
    assert stream.told == ["partial True"]
    stream.data_received(REGISTER[60:] + INVITE[:5])
    assert stream.told == ["partial True", "partial True"]
    stream.data_received(INVITE[5:])
    assert (stream.told[-1], seen) == ("partial False", [INVITE, REGISTER, INVITE])


def test_what_can_not_be_framed_is_the_last_thing_looked_at() -> None:
    stream, seen = world()
    stream.data_received(INVITE + b"\x16\x03\x01 hello" + INVITE)
    stream.data_received(INVITE)
    assert seen == [INVITE]
    assert [told.partition(":")[0] for told in stream.told] == ["garbage"]


def test_a_message_without_end_is_refused() -> None:
    stream, _ = world()
    stream.data_received(b"INVITE sip:a SIP/2.0\r\n")
    for _ in range(MAX_MESSAGE_BYTES // 1000 + 1):
        stream.data_received(b"X: " + b"y" * 995 + b"\r\n")
    assert stream.told[-1].startswith("garbage")


def test_a_connection_closed_by_a_message_takes_no_more() -> None:
    engine, seen = Engine(), []
    stream = Stream(engine)

    def receive(data: bytes, flow: Stream) -> None:
        seen.append(data)
        flow.abort("enough")
        flow.forget()

    engine.receive = receive
    stream.data_received(INVITE + REGISTER + INVITE[:10])
    stream.data_received(INVITE)
    assert (seen, stream.told) == ([INVITE], ["enough"])


def test_an_error_with_one_message_is_told_and_the_next_is_taken() -> None:
    engine, seen = Engine(), []
    stream = Stream(engine)

    def receive(data: bytes, flow: Stream) -> None:
        seen.append(data)
        raise RuntimeError("a bug")

    engine.receive = receive
    stream.data_received(INVITE + REGISTER)
    assert (seen, engine.told, stream.told) == ([INVITE, REGISTER], ["a message", "a message"], [])


def test_an_error_of_the_connection_itself_ends_it() -> None:
    class Broken(Stream):
        def take_crlf(self) -> None:
            raise RuntimeError("a bug")

    engine = Engine()
    stream = Broken(engine)
    stream.data_received(b"\r\n")
    assert (engine.told, stream.told, engine.in_batch) == (["a connection's bytes"], ["internal error"], False)


def test_long_reads_are_told_and_aliases_when_they_may_be() -> None:
    engine = Engine()
    engine.receive = lambda data, flow: None
    stream = Stream(engine)
    stream.may_alias = True
    count = 32768 // len(INVITE) + 1
    stream.data_received(INVITE * count)
    assert engine.told == ["flooded"]
    assert stream.told == ["alias"] * count


def test_what_is_sent_leaves_as_one_at_the_end_of_the_batch() -> None:
    engine = Engine()
    stream = Stream(engine)
    engine.begin()
    for data in (b"a", b"b", b"c"):
        stream.send(data)
    assert (stream.written, stream.is_waiting) == ([], True)
    engine.end()
    assert (stream.written, stream.is_waiting) == ([b"abc"], False)
    engine.begin()
    stream.send(b"d")
    stream.closing = True
    engine.end()
    assert (stream.written, stream.told) == ([b"abc", b"d"], ["close"])


def test_what_waits_for_an_opening_connection_is_flushed_by_its_owner() -> None:
    engine = Engine()
    stream = Stream(engine)
    stream.is_open = False
    engine.begin()
    stream.send(b"a")
    engine.end()
    assert stream.written == []
    stream.is_open = True
    stream.flush()
    assert stream.written == [b"a"]


def test_too_much_unsent_is_the_end_and_a_closed_one_says_so() -> None:
    stream, _ = world(max_unsent_bytes=10)
    stream.send(b"x" * 10)
    assert stream.told == []
    stream.send(b"x")
    assert stream.told == ["unsent"]
    stream.send(b"x")
    assert stream.told == ["unsent", "unsent"]


def test_answers_go_back_over_the_connection() -> None:
    engine = Engine()
    engine.receive = Ingress(Layer(), {}).receive
    stream = Stream(engine)
    stream.data_received(INVITE + INVITE)
    (written,) = stream.written
    assert (Message(written).status, written.count(b"SIP/2.0 200")) == (200, 2)


def test_what_is_no_stream_is_refused() -> None:
    stream, _ = world()
    for call in (
        lambda: stream.data_received("x"),  # type: ignore[arg-type]
        lambda: stream.send("x"),  # type: ignore[arg-type]
        lambda: StreamFlow(None, None, ("", 0), "", 1),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
    bare = StreamFlow.__new__(StreamFlow)
    bare.data_received(INVITE)
    bare.flush()
    assert bare.closed
