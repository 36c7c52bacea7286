"""native.sip and the oracle agree on generated and on spoiled messages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.sip import MAX_HEADERS, MAX_LINE_BYTES, MAX_MESSAGE_BYTES, Message, NameAddr, ParseError, Uri, Via, frame_length
from tests.native import sip_oracle as oracle
from tests.native.sip_strategies import NAMES, messages, name_addrs, spoiled, uris, vias

anything = st.one_of(messages(), spoiled())
START = b"OPTIONS sip:x SIP/2.0\r\n"


@dataclass
class Reading:
    """What a message says. Of one that is refused: why, and nothing else."""

    refused: tuple[str | None, int] | None = None  # header and status
    start: tuple[object, ...] = ()
    body: bytes = b""
    trailing_bytes: int = 0
    names: list[str] = field(default_factory=list)  # lower-case long forms
    lines: dict[str, tuple[list[str], str | None, bool, list[str]]] = field(
        default_factory=dict
    )  # all, the first, whether, values
    via_count: int = 0


def readings(data: bytes) -> tuple[Reading, Reading]:
    """Ours and the oracle's."""
    try:
        parsed = oracle.parse(data)
    except oracle.Refused as refusal:
        return our_reading(data, set()), Reading((refusal.header, refusal.status))
    asked = {*NAMES, *(name for name, _ in parsed.headers)}
    return our_reading(data, asked), oracles_reading(parsed, asked)


def our_reading(data: bytes, asked: set[str]) -> Reading:
    try:
        message = Message(data)
    except ParseError as refusal:
        return Reading((refusal.header, refusal.status))
    line = (message.method, message.request_uri_text) if message.is_request else ()
    return Reading(
        start=(message.is_request, message.version, message.status, message.reason, *line),
        body=message.body,
        trailing_bytes=message.trailing_bytes,
        names=[name.lower() for name in message.header_names()],
        lines={name: (message.get_all(name), message.get(name), message.has(name), message.values(name)) for name in asked},
        via_count=message.via_count,
    )


def oracles_reading(parsed: oracle.Parsed, asked: set[str]) -> Reading:
    line = (parsed.method, parsed.uri) if parsed.is_request else ()
    lines = {name: parsed.get_all(name) for name in asked}
    return Reading(
        start=(parsed.is_request, parsed.version, parsed.status, parsed.reason, *line),
        body=parsed.body,
        trailing_bytes=parsed.trailing,
        names=[oracle.full_name(name) for name, _ in parsed.headers],
        lines={name: (all_, all_[0] if all_ else None, bool(all_), parsed.values(name)) for name, all_ in lines.items()},
        via_count=len(parsed.values("Via")),
    )


@settings(max_examples=400, deadline=None)
@given(messages())
def test_both_read_a_generated_message_alike(data: bytes) -> None:
    ours, oracles = readings(data)
    assert ours == oracles


@settings(max_examples=800, deadline=None)
@given(spoiled())
def test_both_read_a_spoiled_message_alike(data: bytes) -> None:
    ours, oracles = readings(data)
    assert ours == oracles


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_both_refuse_noise_alike(data: bytes) -> None:
    ours, oracles = readings(data)
    assert ours == oracles


@settings(max_examples=600, deadline=None)
@given(uris)
def test_both_read_a_uri_alike(text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    try:
        expected = oracle.parse_sip_uri(data)
    except oracle.Refused:
        with pytest.raises(ParseError):
            Uri(text)
        return
    uri = Uri(text)
    assert (uri.scheme, uri.user, uri.password) == (expected.scheme, expected.user, expected.password)
    assert (uri.host, uri.host_is_ip, uri.port) == (expected.host, expected.is_ip, expected.port)
    assert uri.headers == expected.headers
    first: dict[str, str | None] = {}
    for name, value in expected.params:
        first.setdefault(name.lower(), value)
    assert uri.params == first
    assert uri == Uri(text)
    assert hash(uri) == hash(Uri(text))


@settings(max_examples=600, deadline=None)
@given(name_addrs)
def test_both_read_a_name_addr_alike(text: str) -> None:
    try:
        display, uri, params = oracle.parse_name_addr(text.encode())
    except oracle.Refused:
        with pytest.raises(ParseError):
            NameAddr(text)
        return
    addr = NameAddr(text)
    assert (addr.display, addr.params, addr.tag) == (display, params, params.get("tag"))
    assert (addr.uri.user, addr.uri.host, addr.uri.port) == (uri.user, uri.host, uri.port)


@settings(max_examples=600, deadline=None)
@given(vias)
def test_both_read_a_via_alike(text: str) -> None:
    try:
        expected = oracle.parse_via(text.encode())
    except oracle.Refused:
        with pytest.raises(ParseError):
            Via(text)
        return
    via = Via(text)
    assert (via.version, via.transport, via.host, via.port) == (
        expected.version,
        expected.transport,
        expected.host,
        expected.port,
    )
    assert via.params == expected.params
    assert via.branch == expected.params.get("branch")
    assert via.has_rport == ("rport" in expected.params)
    assert via.rport == (int(expected.params["rport"]) if expected.params.get("rport") else None)


def framing_steps(data: bytes) -> list[int | None]:
    """What frame_length says of each prefix; None for a refusal."""
    said: list[int | None] = []
    for size in range(len(data) + 1):
        try:
            said.append(frame_length(data[:size]))
        except ParseError:
            said.append(None)
    return said


@settings(max_examples=200, deadline=None)
@given(anything)
def test_framing_byte_by_byte_says_the_same_as_whole(data: bytes) -> None:
    said = framing_steps(data)
    whole = said[-1]
    final = next((step for step in said if step != 0), 0)
    assert whole == final
    if final:
        assert said[:final] == [0] * final
        assert set(said[final:]) == {final}


@settings(max_examples=400, deadline=None)
@given(anything)
def test_both_frame_alike(data: bytes) -> None:
    try:
        expected: int | None = oracle.frame_length(data)
    except oracle.Refused:
        expected = None
    try:
        found: int | None = frame_length(data)
    except ParseError:
        found = None
    if expected == 0:
        assert not found  # incomplete, or already beyond hope
    else:
        assert found == expected


def in_upper_case(data: bytes) -> bytes:
    """With the version of the start line as it leaves."""
    start, end, rest = data.partition(b"\n")
    return re.sub(rb"(?i)^sip(?=/)| sip(?=/[^ ]*$)", lambda name: name[0].upper(), start, count=1) + end + rest


@settings(max_examples=200, deadline=None)
@given(anything)
def test_unedited_messages_leave_as_they_came(data: bytes) -> None:
    try:
        message = Message(data)
    except ParseError:
        return
    out = message.copy().to_bytes()
    came = in_upper_case(oracle.with_crlf(data[: len(data) - message.trailing_bytes]))
    assert in_upper_case(out) in (came, came + b"\r\n")


@settings(max_examples=200, deadline=None)
@given(anything, st.sampled_from(["pop_via", "pop_route", "pop_last_route"]))
def test_a_pop_takes_one_value_and_touches_no_other_line(data: bytes, pop: str) -> None:
    try:
        message = Message(data)
    except ParseError:
        return
    name = "Via" if pop == "pop_via" else "Route"
    before = message.values(name)
    others = [(other, message.get_all(other)) for other in message.header_names() if other != name]
    if not before:
        with pytest.raises(ParseError):
            getattr(message, pop)()
        return
    getattr(message, pop)()
    assert message.values(name) == (before[:-1] if pop == "pop_last_route" else before[1:])
    assert [(other, message.get_all(other)) for other in message.header_names() if other != name] == others
    again = Message(message.to_bytes())
    assert again.values(name) == message.values(name)
    assert again.body == message.body


def at_the_limits() -> Iterator[bytes]:
    for count in (MAX_HEADERS, MAX_HEADERS + 1):
        yield START + b"A: b\r\n" * count + b"\r\n"
    for size in (MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1):
        yield START + b"A: " + b"x" * (size - 5) + b"\r\n\r\n"
        yield START + b"A: " + b"x" * 100 + b"\r\n " + b"y" * (size - 108) + b"\n\r\n"
    for size in (MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1):
        yield START + b"\r\n" + b"x" * (size - len(START) - 2)


@pytest.mark.parametrize("data", list(at_the_limits()), ids=len)
def test_limits_hold_to_the_byte(data: bytes) -> None:
    ours, oracles = readings(data)
    assert ours == oracles


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\n",
        b"x",
        START,
        START[:-2],
        START + b"\r",
        START + b" a: b\r\n\r\n",
        START + b"a\r\n\r\n",
        START + b": b\r\n\r\n",
        START + b"a b: c\r\n\r\n",
        START + b"a: b\rc\r\n\r\n",
        START + b"a: b",
        START + b"a: b\r\n",
        START + b"a: b\r\n ",
        START + b"a: b\r\n \r\n",
        b"SIP/2.0 099 x\r\n\r\n",
        b"SIP/2.0 700 x\r\n\r\n",
        b"SIP/2.0 20 x\r\n\r\n",
        b"SIP/2 200 x\r\n\r\n",
        b"SIP/2.0  200 x\r\n\r\n",
        b"A  b SIP/2.0\r\n\r\n",
        b"A b  SIP/2.0\r\n\r\n",
        b"A b SIP/2.0 \r\n\r\n",
        b"A b HTTP/1.1\r\n\r\n",
        START + b"l: 0\r\nl: 0\r\n\r\n",
        START + b"l: 0\r\nl: 1\r\n\r\nx",
        START + b"l: 4294967296\r\n\r\n",
        START + b"l: +1\r\n\r\nx",
        START + b"l:\r\n\r\n",
    ],
)
def test_both_agree_at_the_edges(data: bytes) -> None:
    ours, oracles = readings(data)
    assert ours == oracles
