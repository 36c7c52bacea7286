"""What the relay daemon reads and writes: SDP, bencode, reports."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from native import relay
from tests.native.nomemory.cases import tried


class Line:
    interfaces = (SimpleNamespace(address="192.0.2.2"),) * 2
    blocks = (SimpleNamespace(port=1000),) * 2


LINE = Line()


class Section:
    rtcp_port: int


def read_rtcp(section: Section, text: str, number: int) -> None:
    section.rtcp_port = int(text)


CLASSES = (Section, Section, relay.RecordingStatus, str.encode, read_rtcp)


@tried
def report() -> object:
    stats = relay.ComponentStats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, ("192.0.2.1", 18), True)
    place = SimpleNamespace(rtp=("2001:db8::1", 1 << 31), rtcp=None)
    described = SimpleNamespace(kind="audio", protocol="RTP/AVP", direction="sendonly", mux=True, endpoint=place)
    party = SimpleNamespace(tag="a", label="x", created_at=1.5)
    counts = {LINE: [((stats, stats), (stats, stats))] * 3}
    shown = [(LINE, described), (None, described)]
    return relay.party_report(party, 1, "b", "z9", shown, counts, 1e9, 5_000_000_000, lambda *heard: (b"6:silent", b"1:x1:y"))


@tried
def bodies() -> object:
    text = "v=0\r\no=- 1 1 IN IP4 ::1\r\nc=IN IP4 ::2\r\n"
    text += (
        "m=audio 5 RTP/AVP 0\r\na=rtcp:9\r\nm=audio 5/2 RTP/AVP é\udcff\r\na=rtpmap:0 x\r\na=mid:é\r\nm=audio 0 RTP/AVP 0\r\n"
    )
    for bad in ("\r\n\r\nx", "v=0\r\nnonsense", "v=0\r\na=\0"):
        with contextlib.suppress(ValueError):
            relay.sdp_read(bad, CLASSES)
    announced = [None, (30000, 2, 30001, True, "RTP/SAVP", "a=crypto:1 x\r\n"), None]
    mids = ["\udcff", "", "x"]
    written = relay.sdp_write(text, announced, mids, "IN IP4 192.0.2.1", 4, True, True, False, True, "us", "IN IP4 192.0.2.2")
    session, origin, media = relay.sdp_read(text, CLASSES)
    return vars(session), origin, [vars(each) for each in media], relay.sdp_split(text, 1, 6), written


@tried
def dictionaries() -> object:
    value = {"a": [1, -2, "é", {"b": ""}], "sdp": "x" * 500, "yes": True}
    for bad in (b"d1:a", b"i00e", b"x", b"l" * 30):
        with contextlib.suppress(ValueError):
            relay.bencode_decode(bad, 16)
    with contextlib.suppress(TypeError):
        relay.bencode_encode({"a": 1.5})
    return relay.bencode_decode(relay.bencode_encode(value), 16)


class Request:
    """What a request becomes."""


class Answers(relay.DispatcherBase):
    def __init__(self, serve: Callable[[Request], dict[str, Any]]) -> None:
        known = {b"7:command5:offer": SimpleNamespace(command="offer", ignored="x")}
        replies = relay.ReplyCacheBase(0.0, 1.0, 1)
        self.counts: dict[str, dict[str, relay.Count]] = {}
        super().__init__({"offer": serve}, (known, {}), Request, str.upper, lambda: 7, self.counts, {}, replies, "us", 999)

    def note_ignored(self, options: object) -> None:
        pass

    def count(self, host: str, command: str, failed: bool, duration_ns: int) -> None:
        self.counts[host] = {command: relay.Count("asked", "refused")}

    def refusal(self, request: Request, cause: Exception) -> dict[str, Any]:
        if isinstance(cause, MemoryError):
            raise cause
        return {"result": "error"}

    def general(self, data: bytes, host: str, most_bytes: int) -> bytes:
        return b"general"

    def broke(self, data: bytes, cause: BaseException) -> bytes:
        raise cause


@tried
def requests() -> object:
    data = b" d7:command5:offer3:sdp3:v=07:call-id1:c13:received-froml3:IP48:192.0.2.ee"
    served = [Answers(lambda request: vars(request).copy() | {"options": 0}), Answers(lambda request: {}["x"])]
    replies = [each.datagram(cookie + data, ("h", 1), 999) for each in served for cookie in (b"1", b"2")]
    return replies, served[0].packet(b"3" + data, 999), relay.ng_options(data[1:]), relay.ng_options(b"de ")
