"""Opens, places and closes lines on one relay."""

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from media.chains import Chains
from media.encodings import STATIC
from media.endpoint import Address, Endpoint
from media.errors import OutOfPortsError, RequestError
from media.line import NOT_SECURED, PLAIN, Keys, Line, Muting, StreamStats, Totals
from media.ports import PortBlock, PortPool
from media.settings import Interface
from native import relay

_T = TypeVar("_T")

MAX_PORT_COUNT = 8
MAX_LEAVING = 64  # lines that are closed but still have their ports


class Lines:
    """Opens, places and closes lines on one relay."""

    def __init__(
        self,
        relay_: relay.Relay,
        pools: dict[str, PortPool],
        chains: Chains,
        close_socket: Callable[[int], None] = os.close,
    ) -> None:
        self.relay = relay_
        self.pools = pools
        self.chains = chains
        self._encodings: dict[int, dict[int, str]] = {}  # by stream and payload type
        self._leaving: list[Line] = []
        self._close_socket = close_socket
        self.streams = 0  # that the relay has of ours

    def open(self, kind: int, count: int, interfaces: tuple[Interface, Interface], beside: Line | None) -> Line:
        """A line with fresh ports, on the relay thread of ``beside``. OutOfPortsError."""
        if count > MAX_PORT_COUNT:
            raise RequestError(f"{count} ports for one m= line, at most {MAX_PORT_COUNT} are relayed")
        try:
            blocks = self._take_ports(count, interfaces)
        except OutOfPortsError:
            if not self._leaving:
                raise
            self.reap()
            blocks = self._take_ports(count, interfaces)
        line = Line(kind, interfaces, blocks, [])
        thread = self.relay.thread_of(beside.streams[0]) if beside else -1
        try:
            self._add_streams(line, thread)
        except MemoryError:
            raise OutOfPortsError from None
        self.chains.enter(line)
        return line

    def _take_ports(self, count: int, interfaces: tuple[Interface, Interface]) -> tuple[PortBlock, PortBlock]:
        near = self.pools[interfaces[0].address].take(count)
        try:
            return near, self.pools[interfaces[1].address].take(count)
        except BaseException:
            self._discard(interfaces[0], near)
            raise

    def place(self, line: Line, side: int, endpoint: Endpoint, mux: bool) -> None:
        """Sets where ``side`` is. A held side keeps its address, but is sent nothing."""
        if not endpoint.held:
            self._place(line, side, endpoint, mux)
            line.places = (line.places[0], endpoint) if side else (endpoint, line.places[1])
        if mux != line.muxed[side]:
            line.muxed = _with(line.muxed, side, mux)
        if endpoint.held != line.held[side]:
            line.held = _with(line.held, side, endpoint.held)
            self._forward(line, 1 - side)

    def secure(self, line: Line, keys: Keys) -> None:
        """Which sides speak SRTP with us, and by which keys."""
        if keys is PLAIN and line.secured is NOT_SECURED:
            return
        for side, pair in enumerate(keys):
            for stream in line.streams:
                if pair is not None:
                    self.relay.set_crypto(stream, side, *pair)
                elif line.secured[side]:
                    self.relay.set_crypto(stream, side, None, None)
            line.own_keys[side].use(pair[1][0] if pair is not None else "")
        line.secured = (keys[0] is not None, keys[1] is not None) if any(keys) else NOT_SECURED

    def mute(self, line: Line, side: int, muting: Muting) -> None:
        if muting == line.muted[side]:
            return
        line.muted = _with(line.muted, side, muting)
        self._forward(line, side)
        for stream in line.streams if line.kind == relay.RTP else ():
            self.relay.set_silenced(stream, side, muting.sound)
            self.relay.set_blocked_types(stream, side, muting.types)

    def _forward(self, line: Line, side: int) -> None:
        """Of what this side sends."""
        forward = not (line.held[1 - side] or line.muted[side].media)
        if forward != line.forwarded[side]:
            line.forwarded = _with(line.forwarded, side, forward)
            for stream in line.streams:
                self.relay.set_forward(stream, side, forward)

    def feed(self, line: Line, fed: tuple[bool, bool]) -> None:
        """Whose feedback (RFC 4585) goes on."""
        for side in (0, 1) if fed != line.fed else ():
            for stream in line.streams:
                self.relay.set_feedback(stream, side, fed[side])
        line.fed = fed

    def set_clocks(self, line: Line, clocks_hz: dict[int, int]) -> None:
        """Of dynamic payload types, for the jitter of both sides."""
        if line.kind != relay.RTP:
            return
        for payload_type, clock_hz in clocks_hz.items():
            for stream in line.streams:
                self.relay.set_clock(stream, payload_type, clock_hz)

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

    def close(self, line: Line) -> None:
        """Ends its streams. Its ports are free after the next ``reap``."""
        self._remove_streams(line)
        self._leaving.append(line)
        if len(self._leaving) >= MAX_LEAVING:
            self.reap()

    def reap(self) -> None:
        """Frees the ports of lines that were closed: of many at once, for it waits for the relay threads."""
        if not self._leaving:
            return
        self.relay.reap()
        for line in self._leaving:
            self.chains.leave(line)
            self._give_back(line)
        self._leaving.clear()

    def totals(self, line: Line) -> Totals:
        if line.kind == relay.RTP:
            return Totals(*self.relay.totals(line.streams))
        return Totals(self.relay.totals(line.streams[::2])[0], self.relay.totals(line.streams[1::2])[0])

    def counts(self, line: Line) -> list[StreamStats]:
        """Of each port pair."""
        stats = [self.relay.stream_stats(stream) for stream in line.streams]
        if line.kind == relay.RTP:
            return stats
        pairs = zip(stats[::2], stats[1::2], strict=True)
        return [((rtp[0][0], rtcp[0][0]), (rtp[1][0], rtcp[1][0])) for rtp, rtcp in pairs]

    def stats(self, line: Line, side: int, pair: int, rtcp: bool) -> relay.ComponentStats:
        stream, component = line.component(pair, rtcp)
        return self.relay.stats(stream, side, component)

    def _place(self, line: Line, side: int, endpoint: Endpoint, mux: bool) -> None:
        rtp, rtcp, host = endpoint.rtp, None if mux else endpoint.rtcp, endpoint.learn_host
        rtcp_host = rtcp[0] if rtp is not None and rtcp is not None and rtcp[0] != rtp[0] else host
        for pair in range(len(line.blocks[0].sockets)):
            if pair:
                rtp, rtcp = _next_pair(rtp), _next_pair(rtcp)
            places = (rtp, host), (rtcp, rtcp_host)  # RTCP that goes elsewhere is learned there
            if line.kind == relay.RTP:
                self.relay.place(line.streams[pair], side, *places, endpoint.mode, mux)
                continue
            for stream, (remote, learn_host) in zip(line.streams[2 * pair : 2 * pair + 2], places, strict=True):
                self.relay.set_remote(stream, side, 0, remote, mode=endpoint.mode, learn_host=learn_host)

    def _add_streams(self, line: Line, thread: int) -> None:
        """On failure nothing is left open."""
        pairs = _socket_pairs(line)
        try:
            for sockets in pairs:
                if line.streams:
                    thread = self.relay.thread_of(line.streams[0])
                line.streams.append(self.relay.add(line.kind, sockets, thread=thread))
                self.streams += 1
        except BaseException:
            for sockets in pairs[len(line.streams) :]:
                self._close_all(descriptor for side in sockets for descriptor in side)
            self._remove_streams(line)
            self.relay.reap()
            self._give_back(line)
            raise

    def _remove_streams(self, line: Line) -> None:
        for stream in line.streams:
            self.relay.remove(stream)
            self._encodings.pop(stream, None)
        self.streams -= len(line.streams)
        line.streams = []

    def _give_back(self, line: Line) -> None:
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


def _with(pair: tuple[_T, _T], side: int, value: _T) -> tuple[_T, _T]:
    return (pair[0], value) if side else (value, pair[1])


def _socket_pairs(line: Line) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The sockets of each stream of the line, in the order of ``Line.streams``."""
    pairs = list(zip(line.blocks[0].sockets, line.blocks[1].sockets, strict=True))
    if line.kind == relay.RTP:
        return pairs
    return [((near[rtcp], -1), (far[rtcp], -1)) for near, far in pairs for rtcp in (0, 1)]


def _next_pair(address: Address | None) -> Address | None:
    """The same of the next pair of ports."""
    return address and (address[0], min(address[1] + 2, 65535))
