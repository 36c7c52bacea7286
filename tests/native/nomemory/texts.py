"""What the relay daemon reads and writes: SDP, bencode, reports."""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from native import relay
from tests.native.nomemory.cases import tried

ADDRESS, BLOCK = SimpleNamespace(address="192.0.2.2"), relay.PortBlock(1000, ((3, 4),))
LINE = relay.LineBase(relay.RTP, (ADDRESS, ADDRESS), (BLOCK, BLOCK), [1, 2, 3], (0, 0), (0, 0))


class Section(relay.SectionBase):
    __slots__ = ()


class Described(relay.DescribedBase):
    __slots__ = ()


def read_connection(text: str) -> relay.ConnectionBase | str:
    return relay.ConnectionBase(6, "::2", text, "::2", False, True, True) if text.startswith("IN") else "not a line"


def read_map(section: Section) -> object:
    return section.formats


def told(described: Described) -> list[object]:
    return [
        described.kind,
        described.protocol,
        described.endpoint,
        described.rtp_map,
        described.mid,
        described.stream_kind,
        described.ice,
    ]


@tried
def report() -> object:
    stats = relay.ComponentStats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, ("192.0.2.1", 18), True)
    place = SimpleNamespace(rtp=("2001:db8::1", 1 << 31), rtcp=None)
    described = SimpleNamespace(
        kind="audio", protocol="RTP/AVP", direction="sendonly", mux=True, ice=("u", "p"), endpoint=place
    )
    party = SimpleNamespace(tag="a", label="x", created_at=1.5)
    lines = SimpleNamespace(counts=lambda line: [relay.StreamStats(((stats, stats), (stats, stats)))] * 3)
    totals = relay.Totals(relay.Tally(1, 2, 3, 4, 5, 6, 7)).plus(relay.Totals())
    how: Any = lines, {}, 1e9, 5_000_000_000, lambda *heard: (b"6:silent", b"1:x1:y")
    told = relay.party_report(party, 1, "b", "z9", [LINE, None], [described, described], *how)
    return relay.slim_report(told), told, totals.told(), totals.rtp, relay.StreamStats(((stats, stats), (stats, stats)))[1]


@tried
def bodies() -> object:
    text = "v=0\r\no=- 1 1 IN IP4 ::1\r\ns=é\r\nc=IN IP6 ::2\r\n"
    text += "m=audio 5 RTP/AVP 0\r\na=rtcp:9\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    text += "m=audio 5/2 RTP/AVP é\udcff\r\na=rtpmap:0 x\r\na=mid:é\r\nm=audio 0 RTP/AVP 0\r\n"
    for bad in (
        "\r\n\r\nx",
        "v=0\r\nnonsense",
        "v=0\r\na=\0",
        text.replace("IN IP6 ::2", "x"),
        text.replace("::2", "::2\r\nv=0"),
    ):
        with contextlib.suppress(ValueError):
            relay.DescriptionBase(bad, Section, Section, read_connection)
    description = relay.DescriptionBase(text, Section, Section, read_connection)
    options = SimpleNamespace(mode=1, flags={"trust-address"})
    asked = SimpleNamespace(received_from="::3", options=options)
    makers = (Described, tuple, ("nowhere",), dict[bytes, Any](), read_map, str.endswith)
    near = [SimpleNamespace(family=family, address="here", reaches={"::2": family == 6, "::3": True}.get) for family in (4, 6)]
    all_lines = relay.sdp_describe(description, asked, near[1], makers)
    described = [told(each) for each in all_lines], relay.sdp_as_offered(description, all_lines)
    blocks = (relay.PortBlock(30000, ((1, 2),)), relay.PortBlock(40000, ((3, 4),)))
    line = relay.LineBase(relay.RTP, (near[0], near[0]), blocks, [1], ((), ()), ((), ()))
    ports = relay.sdp_told(tuple, description, [line, None, None], 1, [True] * 3, False, ["RTP/AVP"] * 3, False)
    with contextlib.suppress(ValueError):
        relay.sdp_describe(description, asked, near[0], makers)
    announced = [None, (30000, 2, 30001, True, "RTP/SAVP", "a=crypto:1 x\r\n", "a=ice-x\r\n"), None]
    mids, ours, told_before = (
        ["\udcff", "", "x"],
        relay.ConnectionBase(4, "h", "IN IP4 h", None, True, True, False),
        relay.AnnouncedBase(5),
    )
    how = relay.WRITE_LOOP_MARK | relay.WRITE_NAME | relay.WRITE_USERNAME | relay.WRITE_FULL_RTCP
    written = relay.sdp_write(description, announced, mids, ours, how, "us", told_before)
    sections = [[each.fields, each.kind, each.formats, each.rtcp_port, each.number] for each in description.media]
    return written, described, ports, sections, description.origin_fields, told_before.session_name


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


class Server(relay.NgUdpBase):
    def is_stranger(self, host: str, port: int) -> bool:
        return host != "127.0.0.1"

    def unsent(self) -> None:
        raise OSError


@functools.cache
def two_ends() -> tuple[socket.socket, socket.socket]:
    """Of the server, of a proxy."""
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2)]
    for end in ends:
        end.bind(("127.0.0.1", 0))
    ends[1].connect(ends[0].getsockname())
    return ends[0], ends[1]


@tried
def requests_over_udp() -> object:
    """What is not answered for want of memory is asked again."""
    ours, theirs = two_ends()
    server = Server(ours.fileno(), Answers(lambda request: {"result": "ok"}), relay.ChainsBase(), {}, 9000, 999)
    theirs.send(b"1 d7:command5:offere")
    try:
        server.readable()
        return theirs.recv(999)
    finally:
        for end in two_ends():
            with contextlib.suppress(OSError):
                while True:
                    end.recv(1, socket.MSG_TRUNC)
