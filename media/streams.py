"""Lines: the relay streams of one m= line, with their local ports on both sides."""

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from media.encodings import STATIC
from media.endpoint import Address, Endpoint
from media.errors import OutOfPortsError, RequestError
from media.ports import PortBlock, PortPool
from media.sdes import KeyPair, OwnKeys, RelayKey
from media.sdp import Description, Media
from media.sdp_fields import FIRST_DYNAMIC, NO_TYPES
from media.settings import Interface
from native import relay

MAX_PORT_COUNT = 8

Stats = relay.ComponentStats
StreamStats = tuple[tuple[Stats, Stats], tuple[Stats, Stats]]
"""[side][0 for RTP, 1 for RTCP]."""
Sockets = tuple[tuple[int, int], tuple[int, int]]
Keys = tuple[KeyPair | None, KeyPair | None]  # per side, of those that speak SRTP with us


class RelayPort(Protocol):
    """What we use of native.relay.Relay."""

    def add(self, kind: int, ports: Sockets, *, thread: int = -1) -> int: ...
    def thread_of(self, stream: int) -> int: ...
    def set_remote(
        self,
        stream: int,
        side: int,
        component: int,
        remote: Address | None,
        *,
        mode: int = ...,
        learn_host: str | None = None,
    ) -> None: ...
    def set_mux(self, stream: int, side: int, mux: bool) -> None: ...
    def set_crypto(self, stream: int, side: int, receive: RelayKey | None, send: RelayKey | None) -> None: ...
    def set_forward(self, stream: int, side: int, forward: bool) -> None: ...
    def set_silenced(self, stream: int, side: int, silenced: bool) -> None: ...
    def set_blocked_types(self, stream: int, side: int, types: int) -> None: ...
    def set_clock(self, stream: int, side: int, payload_type: int, clock_hz: int) -> None: ...
    def set_dscp(self, stream: int, side: int, dscp: int) -> None: ...
    def begin_recording(self, fd: int, max_bytes: int) -> int: ...
    def end_recording(self, recording: int) -> None: ...
    def recording_status(self, recording: int) -> relay.RecordingStatus: ...
    def tape(self, stream: int, recording: int | None) -> None: ...
    def stats(self, stream: int, side: int, component: int) -> Stats: ...
    def stream_stats(self, stream: int) -> StreamStats: ...
    def last_packet_ns(self, stream: int) -> int: ...
    def remove(self, stream: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Muting:
    """What a side sends and the other shall not get."""

    media: bool = False
    sound: bool = False
    types: int = NO_TYPES  # dynamic payload types, 96 the lowest bit


NOT_MUTED = Muting()


@dataclass(slots=True, eq=False)
class Line:
    """A line of RTP has one stream per port pair. An opaque line has one per port: the relay knows nothing of its RTCP."""

    kind: int  # native.relay.RTP or OPAQUE
    interfaces: tuple[Interface, Interface]  # per side
    blocks: tuple[PortBlock, PortBlock]
    streams: list[int]
    held: list[bool] = field(default_factory=lambda: [False, False])  # side: it wants nothing sent to it
    muted: list[Muting] = field(default_factory=lambda: [NOT_MUTED, NOT_MUTED])
    own_keys: tuple[OwnKeys, OwnKeys] = field(default_factory=lambda: (OwnKeys(), OwnKeys()))  # what we protect with, per side
    recording: int = -1  # what its streams are taped for
    secured: tuple[bool, bool] = (False, False)  # per side: it speaks SRTP with us

    @property
    def count(self) -> int:
        return self.blocks[0].count

    def component(self, pair: int, rtcp: bool) -> tuple[int, int]:
        """(stream, component) of the pair's RTP or RTCP port."""
        if self.kind == relay.RTP:
            return self.streams[pair], int(rtcp)
        return self.streams[2 * pair + rtcp], 0

    def fits(self, kind: int, count: int, interfaces: tuple[Interface, Interface]) -> bool:
        return self.kind == kind and self.count == count and self.interfaces == interfaces


@dataclass(slots=True)
class Tally:
    packets: int = 0
    bytes: int = 0
    errors: int = 0
    strangers: int = 0  # packets from elsewhere than the party
    forged: int = 0  # SRTP packets that were not authentic, or seen before

    def add(self, stats: Stats) -> None:
        self.packets += stats.packets
        self.bytes += stats.bytes
        self.errors += stats.send_errors + stats.malformed
        self.strangers += stats.strangers
        self.forged += stats.auth_failed + stats.replayed

    def merge(self, other: "Tally") -> None:
        self.packets += other.packets
        self.bytes += other.bytes
        self.errors += other.errors
        self.strangers += other.strangers
        self.forged += other.forged


@dataclass(slots=True)
class Totals:
    """What a line, a dialogue or a call has received from both sides."""

    rtp: Tally = field(default_factory=Tally)
    rtcp: Tally = field(default_factory=Tally)

    def merge(self, other: "Totals") -> None:
        self.rtp.merge(other.rtp)
        self.rtcp.merge(other.rtcp)


def totals_of(counts: list[StreamStats]) -> Totals:
    totals = Totals()
    for sides in counts:
        for rtp, rtcp in sides:
            totals.rtp.add(rtp)
            totals.rtcp.add(rtcp)
    return totals


def stream_kind(description: Description, media: Media) -> int | None:
    """What the relay makes of an m= line; None: it can't be relayed over UDP and is passed on untouched.

    SRTP keyed by SDES is RTP to us: headers are in the clear (RFC 3711 section 3.1). DTLS-SRTP shares its port with the
    handshake (RFC 5764 section 5.1.2), so it goes as it is, and so does everything that is no RTP."""
    protocol = media.protocol.upper()
    if protocol.startswith("TCP"):
        return None
    if "RTP/" not in protocol:
        return relay.OPAQUE
    dtls = "TLS" in protocol
    if "SAVP" in protocol and not media.crypto and (media.fingerprint or description.session.fingerprint):
        dtls = True
    return relay.OPAQUE if dtls else relay.RTP


class Lines:
    """Opens, places and closes lines on one relay."""

    def __init__(
        self, relay_port: RelayPort, pools: dict[str, PortPool], close_socket: Callable[[int], None] = os.close
    ) -> None:
        self.relay = relay_port
        self.pools = pools
        self._encodings: dict[int, dict[int, str]] = {}  # by stream and payload type
        self._close_socket = close_socket

    def open(self, kind: int, count: int, interfaces: tuple[Interface, Interface], beside: Line | None) -> Line:
        """A line with fresh ports, on the relay thread of ``beside``. OutOfPortsError."""
        if count > MAX_PORT_COUNT:
            raise RequestError(f"{count} ports for one m= line, at most {MAX_PORT_COUNT} are relayed")
        near = self.pools[interfaces[0].address].take(count)
        try:
            far = self.pools[interfaces[1].address].take(count)
        except BaseException:
            self._discard(interfaces[0], near)
            raise
        line = Line(kind, interfaces, (near, far), [])
        thread = self.relay.thread_of(beside.streams[0]) if beside else -1
        try:
            self._add_streams(line, thread)
        except MemoryError:
            raise OutOfPortsError from None
        return line

    def place(self, line: Line, side: int, endpoint: Endpoint, mux: bool) -> None:
        """Sets where ``side`` is. A held side keeps its address, but is sent nothing."""
        for pair in range(line.count):
            if not endpoint.held:
                self._set_remote(line, side, pair, False, endpoint, endpoint.rtp)
                self._set_remote(line, side, pair, True, endpoint, None if mux else endpoint.rtcp)
            if line.kind == relay.RTP:
                self.relay.set_mux(line.streams[pair], side, mux)
        line.held[side] = endpoint.held
        self._forward(line, 1 - side)

    def secure(self, line: Line, keys: Keys) -> None:
        """Which sides speak SRTP with us, and by which keys."""
        for side, pair in enumerate(keys):
            for stream in line.streams:
                if pair is not None:
                    self.relay.set_crypto(stream, side, *pair)
                elif line.secured[side]:
                    self.relay.set_crypto(stream, side, None, None)
        line.secured = (keys[0] is not None, keys[1] is not None)

    def mute(self, line: Line, side: int, muting: Muting) -> None:
        before = line.muted[side]
        line.muted[side] = muting
        if muting == before:
            return
        self._forward(line, side)
        for stream in line.streams if line.kind == relay.RTP else ():
            self.relay.set_silenced(stream, side, muting.sound)
            self.relay.set_blocked_types(stream, side, muting.types)

    def _forward(self, line: Line, side: int) -> None:
        """Of what this side sends."""
        for stream in line.streams:
            self.relay.set_forward(stream, side, not (line.held[1 - side] or line.muted[side].media))

    def set_clocks(self, line: Line, clocks_hz: Iterable[tuple[int, int]]) -> None:
        """Clocks of dynamic payload types, for the jitter of both sides."""
        if line.kind != relay.RTP:
            return
        for payload_type, clock_hz in clocks_hz:
            if payload_type >= FIRST_DYNAMIC:
                for stream in line.streams:
                    self.relay.set_clock(stream, 0, payload_type, clock_hz)
                    self.relay.set_clock(stream, 1, payload_type, clock_hz)

    def set_encodings(self, line: Line, encodings: dict[int, str]) -> None:
        for stream in line.streams:
            self._encodings[stream] = encodings

    def encoding(self, stream: int, payload_type: int) -> str:
        """Name and clock rate as a=rtpmap has them; "" when unknown."""
        return self._encodings.get(stream, {}).get(payload_type) or STATIC.get(payload_type, "")

    def mark(self, line: Line, dscp: int) -> None:
        for stream in line.streams:
            self.relay.set_dscp(stream, 0, dscp)
            self.relay.set_dscp(stream, 1, dscp)

    def close(self, line: Line) -> Totals:
        """Frees streams and ports; returns what had been counted."""
        totals = totals_of(self.counts(line))
        self._free(line)
        return totals

    def counts(self, line: Line) -> list[StreamStats]:
        """Of each port pair."""
        stats = [self.relay.stream_stats(stream) for stream in line.streams]
        if line.kind == relay.RTP:
            return stats
        pairs = zip(stats[::2], stats[1::2], strict=True)
        return [((rtp[0][0], rtcp[0][0]), (rtp[1][0], rtcp[1][0])) for rtp, rtcp in pairs]

    def stats(self, line: Line, side: int, pair: int, rtcp: bool) -> Stats:
        stream, component = line.component(pair, rtcp)
        return self.relay.stats(stream, side, component)

    def _set_remote(self, line: Line, side: int, pair: int, rtcp: bool, endpoint: Endpoint, remote: Address | None) -> None:
        stream, component = line.component(pair, rtcp)
        if remote is not None and pair:
            remote = (remote[0], min(remote[1] + 2 * pair, 65535))
        learn_host = endpoint.learn_host
        if rtcp and remote is not None and endpoint.rtp is not None and remote[0] != endpoint.rtp[0]:
            learn_host = remote[0]
        self.relay.set_remote(stream, side, component, remote, mode=endpoint.mode, learn_host=learn_host)

    def _add_streams(self, line: Line, thread: int) -> None:
        """On failure nothing is left open."""
        waiting = _socket_pairs(line)
        try:
            while waiting:
                line.streams.append(self.relay.add(line.kind, waiting[0], thread=thread))
                waiting.pop(0)
                thread = self.relay.thread_of(line.streams[0])
        except BaseException:
            for sockets in waiting:
                self._close_all(descriptor for side in sockets for descriptor in side)
            self._free(line)
            raise

    def _free(self, line: Line) -> None:
        for stream in line.streams:
            self.relay.remove(stream)
            self._encodings.pop(stream, None)
        line.streams = []
        for interface, block in zip(line.interfaces, line.blocks, strict=True):
            self.pools[interface.address].give_back(block)

    def _discard(self, interface: Interface, block: PortBlock) -> None:
        self._close_all(descriptor for pair in block.sockets for descriptor in pair)
        self.pools[interface.address].give_back(block)

    def _close_all(self, descriptors: Iterable[int]) -> None:
        for descriptor in descriptors:
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    self._close_socket(descriptor)


def _socket_pairs(line: Line) -> list[Sockets]:
    """The sockets of each stream of the line, in the order of ``Line.streams``."""
    pairs = list(zip(line.blocks[0].sockets, line.blocks[1].sockets, strict=True))
    if line.kind == relay.RTP:
        return pairs
    return [((near[rtcp], -1), (far[rtcp], -1)) for near, far in pairs for rtcp in (0, 1)]
