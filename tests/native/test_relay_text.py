"""What native.relay reads and writes of ng messages: every failing way too, in a loop, leaves nothing behind."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

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
]


class Section:
    body: str
    rtcp_port: int
    rtcp_connection: str


class Origin(NamedTuple):
    username: str
    session_id: str
    version: str
    family: int
    address: str


def read_connection(text: str) -> object:
    return text if "IP9" in text else [text]


def read_rtcp(section: Section, text: str, number: int) -> None:
    assert number == 7
    port, _, section.rtcp_connection = text.partition(" ")
    section.rtcp_port = int(port)


CLASSES = (Section, Section, Origin, read_connection, read_rtcp)


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
    lines = relay.sdp_split(BODY, 1, 8)
    assert [line for line, _, _ in lines] == BODY.split("\r\n")[:-1]
    assert lines[2:4] == [("c=IN IP4 192.0.2.2", "c=", "IN IP4 192.0.2.2"), ("a=sendrecv", "sendrecv", "")]
    assert lines[6] == ("a=rtcp:5007 IN IP4 192.0.2.3", "rtcp", "5007 IN IP4 192.0.2.3")
    assert relay.sdp_split(BODY, 5, 6) == [("m=audio 5000 RTP/AVP 0", "m=", "audio 5000 RTP/AVP 0")]
    session, origin, (media,) = relay.sdp_read(BODY, CLASSES)
    assert origin == ("-", "1", "1", 4, "192.0.2.1")
    assert vars(session) == {
        "body": BODY,
        "number": 1,
        "end": 5,
        "connection": ["IN IP4 192.0.2.2"],
        "direction": "sendrecv",
        "fingerprint": False,
        "crypto": False,
    }
    assert vars(media) == {
        "body": BODY,
        "number": 5,
        "end": 8,
        "connection": None,
        "direction": "",
        "fingerprint": False,
        "crypto": False,
        "kind": "audio",
        "port": 5000,
        "count": 1,
        "protocol": "RTP/AVP",
        "formats": "0",
        "mux": False,
        "mid": "",
        "rtpmaps": (),
        "held": False,
        "rtcp_port": 5007,
        "rtcp_connection": "IN IP4 192.0.2.3",
    }
    for body in BROKEN_BODIES:
        with pytest.raises(ValueError, match=r"empty|form|CR or NUL|v=0|no c= line|IP9"):
            relay.sdp_read(body, CLASSES)
    for wrong in (
        (Section, Section, tuple, str),
        (type, Section, *CLASSES[2:]),
        (Section, str, *CLASSES[2:]),
        (Section, Section, Section, str, str),
    ):
        with pytest.raises(TypeError):
            relay.sdp_read(BODY, wrong)  # type: ignore[arg-type]
    head, line, tail = relay.sdp_write(BODY, [None], None, "IN IP4 192.0.2.2", 4, False, False, False, False, "", "")
    assert head + line + tail == BODY
    for wrong in ([5], [(1, 2)], [("x", 1, 1, True, "", None)]):
        with pytest.raises(TypeError):
            relay.sdp_write(BODY, wrong, None, "IN IP4 192.0.2.9", 4, False, False, False, False, "", "")  # type: ignore[arg-type]
    for mids in ([], [5], ("a",)):
        with pytest.raises(TypeError):
            relay.sdp_write(BODY, [None], mids, "IN IP4 192.0.2.9", 4, False, False, False, False, "", "")  # type: ignore[arg-type]


class Asked:
    """What a request becomes."""


NAMES = ("call_id", "from_tag", "to_tag", "via_branch", "sdp", "received_from", "options")


def asked(data: bytes, known: dict[bytes, object]) -> list[object]:
    made = relay.ng_request(data, known, Asked, str.upper)
    assert isinstance(made, Asked)
    return [vars(made)[name] for name in NAMES]


def requests() -> None:
    data, rest = b"d7:command5:offer3:sdp3:v=07:call-id1:c5:flagsl5:fatalee\r\n", b"7:command5:offer5:flagsl5:fatale"
    assert relay.ng_request(data, {}, Asked, str) == rest
    options = object()
    assert asked(data, {rest: options}) == ["c", "", "", "", "v=0", "", options]
    source = b"d13:received-froml3:IP48:fe80::ffe6:to-tag2:\xff\xfee"
    assert asked(source, {b"": 5}) == ["", "", "\udcff\udcfe", "", "", "FE80::FF", 5]
    with pytest.raises(ValueError, match="invalid literal"):
        relay.ng_request(source, {b"": 5}, Asked, int)
    for wrong in (("d", {}, Asked, str), (b"de", {}, str, str), (b"de", [], Asked, str)):
        with pytest.raises(TypeError):
            relay.ng_request(*wrong)  # type: ignore[arg-type]
    for other in (b"", b"d", b"le", b"i1e", b"de ", b"d7:call-id1:c7:call-id1:de", b"d7:call-idi1ee", b"d3:sdpl1:xee", b"{}"):
        assert relay.ng_request(other, {}, Asked, str) is None
    for cut in range(len(MESSAGE)):
        assert relay.ng_request(MESSAGE[:cut], {}, Asked, str) is None


def test_other_requests_are_decoded_however_deep() -> None:
    deep = b"d1:x" + b"l" * 5000 + b"e" * 5000 + b"e"
    assert relay.ng_request(deep, {}, Asked, str) is None


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        relay.bencode_encode(endless)


def test_large_strings_leave_whole() -> None:
    for size in (500, 511, 512, 513, 5000, 70_000):
        assert relay.bencode_encode(["x" * size, size]) == b"l%d:%bi%dee" % (size, b"x" * size, size)


@pytest.mark.parametrize("calls", [bencode, bodies, requests])
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
