"""What native.relay reads and writes of ng messages: every failing way too, in a loop, leaves nothing behind."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from native import relay

MESSAGE = b"d7:command5:offer3:sdp12:v=0\r\no=- 1 15:flagsl5:fatale4:\xff\xfe\xc3\xa9i-42e1:yd1:zi99999999999999999999eee"
BROKEN = [MESSAGE[:cut] for cut in range(len(MESSAGE))] + [
    b"i9999999999999999999999e",
    b"l" * 20,
    b"di1ei2ee",
    b"1:ab",
    b"3:ab",
]
BODY = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\na=sendrecv\r\n"
    "m=audio 5000 RTP/AVP 0\r\na=x:\xe9\u20ac\U0001f600\r\na=rtcp:5007 IN IP4 192.0.2.3\r\n"
)
BROKEN_BODIES = [
    "hello",
    "v=0\r\n\r\na=x",
    "a",
    "A=x",
    "a=\0",
    "a=x\rb\n",
    "\u20ac=x",
    BODY.replace("c=", "b="),
    BODY.replace("IP4 192.0.2.2", "IP9"),
    BODY.replace("5007 IN IP4", "5007 IN IP9"),
    BODY.replace("rtcp:5007", "rtcp:x"),
]


class Section(relay.SectionBase):
    __slots__ = ()


class Described(relay.DescribedBase):
    __slots__ = ()


def read_connection(text: str) -> relay.ConnectionBase | str:
    address = text.removeprefix("IN IP4 ")
    return text if "IP9" in text else relay.ConnectionBase(4, address, text, address, False, True, False)


def read_map(section: Section) -> object:
    return [section.formats]


OURS = relay.ConnectionBase(4, "192.0.2.2", "IN IP4 192.0.2.2", None, False, False, True)
MAKERS = (Described, tuple, ("nowhere",), {}, read_map, lambda named, host: named != host)
ASKED = SimpleNamespace(received_from="198.51.100.7", options=SimpleNamespace(mode=7, flags={"trust-address"}))
NEAR = SimpleNamespace(family=4, address="192.0.2.9", reaches=bool)


def read(body: str) -> relay.DescriptionBase:
    return relay.DescriptionBase(body, Section, Section, read_connection)


def bencode() -> None:
    value = relay.bencode_decode(MESSAGE, 16)
    assert relay.bencode_encode(value) == MESSAGE
    for data in BROKEN:
        with pytest.raises(ValueError, match="at byte"):
            relay.bencode_decode(data, 16)
    assert relay.bencode_encode(["x" * 2000, b"i5e", {"a": b"le"}]) == b"l2000:" + b"x" * 2000 + b"i5ed1:aleee"
    for wrong in (1.5, {"a": None}, ["x" * 2000, None], {1.5: 1}):
        with pytest.raises(TypeError, match="bencode has no"):
            relay.bencode_encode(wrong)


def bodies() -> None:
    description = read(BODY)
    session, (media,) = description.session, description.media
    lines = session.fields + media.fields
    assert [line for line, _, _ in lines] == BODY.split("\r\n")[:-1]
    assert lines[2:4] == [("c=IN IP4 192.0.2.2", "c=", "IN IP4 192.0.2.2"), ("a=sendrecv", "sendrecv", "")]
    assert lines[6] == ("a=rtcp:5007 IN IP4 192.0.2.3", "rtcp", "5007 IN IP4 192.0.2.3")
    assert description.origin_fields == ("-", "1", "1", 4, "192.0.2.1")
    assert (session.number, session.end, session.connection.text, session.direction) == (1, 5, "IN IP4 192.0.2.2", "sendrecv")
    assert (media.number, media.end, media.connection, media.direction, media.mid) == (5, 8, None, "", "")
    assert (media.kind, media.port, media.count, media.protocol, media.formats) == ("audio", 5000, 1, "RTP/AVP", "0")
    assert (media.fingerprint, media.crypto, media.mux, media.held) == (False, False, False, False)
    assert (media.rtcp_port, media.rtcp_connection.host) == (5007, "192.0.2.3")
    for body in BROKEN_BODIES:
        with pytest.raises(ValueError, match=r"empty|form|CR or NUL|v=0|no c= line|IP9|rtcp port"):
            read(body)
    for wrong in ((Section, str), (type, Section), (Section, 5)):
        with pytest.raises(TypeError):
            relay.DescriptionBase(BODY, *wrong, read_connection)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="to be read"):
        relay.DescriptionBase(BODY, Section, Section, len)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="made once"):
        description.__init__(BODY, Section, Section, read_connection)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Section()


def descriptions() -> None:
    described = relay.sdp_describe(read(BODY), ASKED, NEAR, MAKERS)
    assert described[0].rtp_map is relay.sdp_describe(read(BODY), ASKED, NEAR, MAKERS)[0].rtp_map
    (line,) = described
    assert (line.kind, line.protocol, line.direction, line.mux, line.mid) == ("audio", "RTP/AVP", "sendrecv", False, "")
    assert (line.stream_kind, line.rtp_map) == (relay.RTP, ["0"])
    assert line.endpoint == (("192.0.2.2", 5000), ("192.0.2.3", 5007), 7, "192.0.2.2", False)
    six = SimpleNamespace(family=6, address="::1", reaches="::1".startswith)
    with pytest.raises(ValueError, match=r"192\.0\.2\.2 can't be reached from ::1"):
        relay.sdp_describe(read(BODY), ASKED, six, MAKERS)
    for wrong in ((str, *MAKERS[1:]), (Described, str, *MAKERS[2:]), MAKERS[:3]):
        with pytest.raises(TypeError):
            relay.sdp_describe(read(BODY), ASKED, NEAR, wrong)  # type: ignore[type-var, arg-type]
    for asked in (SimpleNamespace(), SimpleNamespace(received_from=5, options=ASKED.options)):
        with pytest.raises((TypeError, AttributeError)):
            relay.sdp_describe(read(BODY), asked, NEAR, MAKERS)
    with pytest.raises(TypeError):
        relay.sdp_describe(relay.DescriptionBase.__new__(relay.DescriptionBase), ASKED, NEAR, MAKERS)
    with pytest.raises(TypeError):
        Described("audio", "RTP/AVP", "sendrecv", False, (), None, 5, None)  # type: ignore[arg-type]


def offers() -> None:
    description = read(BODY)
    described = relay.sdp_describe(description, ASKED, NEAR, MAKERS)
    assert relay.sdp_as_offered(description, described) == ([False], ["RTP/AVP"], [False], [""], True)
    assert not relay.sdp_as_offered(read(BODY.replace("RTP/AVP", "RTP/SAVP")), described)[-1]
    for wrong in ([], [5], described * 2):
        with pytest.raises(TypeError, match="must be described"):
            relay.sdp_as_offered(description, wrong)
    blocks = (relay.PortBlock(30000, ((1, 2),)), relay.PortBlock(40000, ((3, 4),)))
    line = relay.LineBase(relay.RTP, (NEAR, NEAR), blocks, [1], ((), ()), ((), ()))
    assert relay.sdp_told(tuple, description, [line], 1, [True], False, ["x"], False) == [
        (40000, 1, 40001, True, "x", None, "")
    ]
    assert relay.sdp_told(tuple, description, [line], 0, [True], True, ["x"], False) == [(30000, 1, 30000, True, "x", None, "")]
    assert relay.sdp_told(tuple, description, [None], 0, [False], True, ["x"], True) == [None]
    for lines, side, muxes in (([], 0, [True]), ([5], 0, [True]), ([line], 2, [True]), ([line], 0, [])):
        with pytest.raises((TypeError, ValueError)):
            relay.sdp_told(tuple, description, lines, side, muxes, False, ["x"], False)


def bodies_written() -> None:
    told = relay.AnnouncedBase(5)
    written = BODY.replace("RTP/AVP 0\r\n", "RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\n")
    assert relay.sdp_write(read(BODY), [None], None, OURS, 0, "", told) == written
    assert (told.session_id, told.version, told.username, told.session_name) == (5, 1, "-", "")
    for wrong in ([5], [(1, 2)], [("x", 1, 1, True, "", None, "")], [(1, 1, 1, True, "", None)]):
        with pytest.raises(TypeError):
            relay.sdp_write(read(BODY), wrong, None, OURS, 0, "", told)
    for mids in ([], [5], ("a",)):
        with pytest.raises(TypeError):
            relay.sdp_write(read(BODY), [None], mids, OURS, 0, "", told)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 announced, the body has 1"):
        relay.sdp_write(read(BODY), [None, None], None, OURS, 0, "", told)
    with pytest.raises(TypeError):
        relay.sdp_write(relay.DescriptionBase.__new__(relay.DescriptionBase), [None], None, OURS, 0, "", told)
    with pytest.raises(TypeError):
        relay.ConnectionBase(4, "a", "b", 5, False, False, False)  # type: ignore[arg-type]
    for how in (relay.WRITE_VERSION | relay.WRITE_NAME, relay.WRITE_OWN_ORIGIN, relay.WRITE_USERNAME, relay.WRITE_LOOP_MARK):
        assert relay.sdp_write(read(BODY), [None], [""], OURS, how, "me", told).startswith("v=0\r\no=- ")


NAMES = ("call_id", "from_tag", "to_tag", "via_branch", "sdp", "received_from", "options")


class Asked:
    """What a request becomes."""

    __slots__ = NAMES


class Answers(relay.DispatcherBase):
    """Serves ``offer`` by what is asked of it; whatever is not the usual way is told as it comes."""

    def __init__(self, serve: Callable[[Any], dict[str, Any]], known: dict[bytes, object], own: dict[bytes, object]) -> None:
        self.told = list[str]()
        super().__init__(
            {"offer": serve},
            (known, own),
            Asked,
            str.upper,
            lambda: 7,
            {},
            {},
            relay.ReplyCacheBase(0.0, 10.0, 1000),
            "us",
            30,
        )

    def general(self, data: bytes, host: str, most_bytes: int) -> bytes:
        return b"general"

    def count(self, *counted: object) -> None:
        self.told.append(str(counted))

    def refusal(self, request: Asked, cause: Exception) -> dict[str, Any]:
        if isinstance(cause, KeyError):
            raise cause
        return {"said": str(cause)}

    def broke(self, data: bytes, cause: BaseException) -> bytes:
        return repr(cause).encode()

    def fitted(self, data: bytes, body: dict[str, Any], reply: bytes, host: str, most_bytes: int) -> bytes:
        return b"fitted"

    def note_ignored(self, options: object) -> None:
        self.told.append("ignored")

    def repeated(self) -> None:
        self.told.append("repeated")


OFFER = SimpleNamespace(command="offer", ignored=())
WRITTEN = b"7:command5:offer5:flagsl5:fatale"
SOURCE = ("192.0.2.1", 5000)


def names_of(request: Any) -> dict[str, Any]:
    return {"n": [getattr(request, name) for name in NAMES[:-1]]}


def dispatched() -> None:
    answers = Answers(names_of, {WRITTEN: OFFER}, {WRITTEN: SimpleNamespace(command="offer", ignored=("x",))})
    data = b"1 d7:command5:offer3:sdp3:v=07:call-id1:c5:flagsl5:fatalee\r\n"
    assert answers.datagram(data, SOURCE, 99) == b"1 d1:nl1:c0:0:0:3:v=00:ee"
    assert answers.datagram(data, SOURCE, 99) == b"1 d1:nl1:c0:0:0:3:v=00:ee"
    assert answers.told == ["('192.0.2.1', 'offer', False, 0)", "repeated"]
    source = b"d13:received-froml3:IP48:fe80::ffe6:to-tag2:\xff\xfe" + WRITTEN + b"e"
    assert answers.datagram(b"2 " + source, SOURCE, 99) == b"fitted"
    assert answers.packet(b"2 " + source, 99) == b"2 d1:nl0:0:2:\xff\xfe0:0:8:FE80::FFee"
    assert answers.told[-2:] == ["ignored", "('us', 'offer', False, 0)"]
    assert answers.packet(b"2 " + source, 20) == b"fitted"


def dispatched_otherwise() -> None:
    def fail(request: Any) -> dict[str, Any]:
        raise KeyError(request.sdp) if request.sdp else ValueError("no body")

    answers = Answers(fail, {WRITTEN: OFFER, b"": SimpleNamespace(command="other", ignored=())}, {})
    assert answers.datagram(b"1 d" + WRITTEN + b"e", SOURCE, 99) == b"1 d4:said7:no bodye"
    assert answers.datagram(b"2 d3:sdp1:v" + WRITTEN + b"e", SOURCE, 99) == b"KeyError('v')"
    assert answers.told == ["('192.0.2.1', 'offer', True, 0)"] * 2
    for other in (b"", b"x", b" de", b"3 de", b"4 {}", b"5 d1:x1:ye", b"6 d13:received-froml1:\xffee", b"x" * 5000 + b" de"):
        assert answers.datagram(other, SOURCE, 99) == b"general"
        assert answers.packet(other, 99) == b"general"
    unread: Any = Answers.__new__(Answers)
    for wrong in (lambda: unread.packet(b"1 de", 9), lambda: unread.datagram(b"1 de", SOURCE, 9)):
        with pytest.raises(RuntimeError):
            wrong()
    for arguments in ((b"1 de", (), 9), (b"1 de", 5, 9), ("1 de", SOURCE, 9)):
        with pytest.raises(TypeError):
            answers.datagram(*arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="fixed size"):
        relay.DispatcherBase({}, ({}, {}), str, str, int, {}, {}, relay.ReplyCacheBase(0.0, 1.0, 1), "us", 1)  # type: ignore[arg-type]


def options() -> None:
    assert relay.ng_options(b"d7:command5:offer3:sdp3:v=07:call-id1:c5:flagsl5:fatalee\r\n") == WRITTEN
    with pytest.raises(TypeError):
        relay.ng_options("de")  # type: ignore[arg-type]
    for other in (b"", b"d", b"le", b"i1e", b"de ", b"d7:call-id1:c7:call-id1:de", b"d7:call-idi1ee", b"d3:sdpl1:xee", b"{}"):
        assert relay.ng_options(other) is None
    for cut in range(len(MESSAGE)):
        assert relay.ng_options(MESSAGE[:cut]) is None


def test_other_requests_are_decoded_however_deep() -> None:
    deep = b"d1:x" + b"l" * 5000 + b"e" * 5000 + b"e"
    assert relay.ng_options(deep) is None


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        relay.bencode_encode(endless)


def test_large_strings_leave_whole() -> None:
    for size in (500, 511, 512, 513, 5000, 70_000):
        assert relay.bencode_encode(["x" * size, size]) == b"l%d:%bi%dee" % (size, b"x" * size, size)


@pytest.mark.parametrize("calls", [bencode, bodies, descriptions, offers, bodies_written, options])
def test_nothing_is_left_behind(calls: Callable[[], None]) -> None:
    for _ in range(10):
        calls()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            calls()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("calls", [dispatched, dispatched_otherwise])
def test_requests_leave_nothing_behind(calls: Callable[[], None]) -> None:
    for _ in range(300):  # fills Python's lists of spare objects
        calls()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        calls()
    gc.collect()
    assert sys.getallocatedblocks() - before < 500
