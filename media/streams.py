"""Opens, places and closes lines on one relay."""

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from media.chains import Chains
from media.encodings import STATIC
from media.endpoint import NOWHERE, Address, Endpoint
from media.errors import OutOfPortsError, RequestError
from media.handshakes import Handshakes
from media.line import NOT_MUTED, NOT_SECURED, PLAIN, Keys, Line, Muting
from media.nat import Send, send_empty
from media.ports import PortPool
from media.reporting import Reporting
from media.settings import Interface
from media.shake import NO_SHAKES, Shakes
from native import relay
from native.relay import PortBlock, StreamStats, Totals

_T = TypeVar("_T")


class Lines(relay.LinesBase):
    """Opens, places and closes lines on one relay. What each call needs is the base's (native/crelay/relay_lines_*.c), which
    calls the first methods here for what is not usual."""

    __slots__ = ("_close_socket", "handshakes", "reporting", "send")
    _close_socket: Callable[[int], None]
    handshakes: Handshakes
    reporting: Reporting
    send: Send
    chains: Chains
    pools: dict[str, PortPool]

    def __new__(
        cls,
        relay_: relay.Relay,
        pools: dict[str, PortPool],
        chains: Chains,
        handshakes: Handshakes,
        close_socket: Callable[[int], None] = os.close,
        send: Send = send_empty,
    ) -> "Lines":
        lines = super().__new__(cls, relay_, pools, chains, Line, (NOWHERE, NOWHERE), (NOT_MUTED, NOT_MUTED))
        lines._close_socket = close_socket
        lines.reporting = Reporting(relay_)
        lines.handshakes = handshakes
        lines.send = send
        return lines

    def too_many(self, count: int, most: int) -> None:
        raise RequestError(f"{count} ports for one m= line, at most {most} are relayed")

    def ran_out(self) -> None:
        """No port, or no stream of the relay, is left."""
        raise OutOfPortsError

    def discard(self, interface: Interface, block: PortBlock) -> None:
        """Ports that were taken and got no stream."""
        self._close_all(descriptor for pair in block.sockets for descriptor in pair)
        self.pools[interface.address].give_back(block)

    def undo(self, line: Line) -> None:
        """A line that got no more than some of its streams, if any."""
        for sockets in _socket_pairs(line)[len(line.streams) :]:
            self._close_all(descriptor for side in sockets for descriptor in side)
        self.remove(line)
        self.relay.reap()
        self.give_back(line)

    def place_opaque(self, line: Line, side: int, endpoint: Endpoint, mux: bool) -> None:
        """A line whose ports are streams of their own."""
        rtp, rtcp, host = endpoint.rtp, None if mux else endpoint.rtcp, endpoint.learn_host
        rtcp_host = rtcp[0] if rtp is not None and rtcp is not None and rtcp[0] != rtp[0] else host
        for pair in range(len(line.blocks[0].sockets)):
            if pair:
                rtp, rtcp = _next_pair(rtp), _next_pair(rtcp)
            places = (rtp, host), (rtcp, rtcp_host)
            for stream, (remote, learn_host) in zip(line.streams[2 * pair : 2 * pair + 2], places, strict=True):
                self.relay.set_remote(stream, side, 0, remote, mode=endpoint.mode, learn_host=learn_host)

    def hold(self, line: Line, side: int, held: bool) -> None:
        """It wants nothing sent to it any more, or again."""
        line.held = _with(line.held, side, held)
        self._forward(line, 1 - side)

    def secure(self, line: Line, keys: Keys, shakes: Shakes = NO_SHAKES) -> None:
        """Which sides speak SRTP with us, and by which keys, or by those that DTLS is to give (``shakes``)."""
        if keys is PLAIN and shakes is NO_SHAKES and line.secured == NOT_SECURED:
            return
        for side, pair in enumerate(keys):
            if shakes[side] is not None:
                self.relay.set_dtls(line.streams[0], side, True)
                continue
            self.handshakes.end(line, side)
            for stream in line.streams:
                if pair is not None:
                    self.relay.set_crypto(stream, side, *pair)
                elif line.secured[side]:
                    self.relay.set_crypto(stream, side, None, None)
            line.own_keys[side].use(pair)
        secured = (keys[0] is not None or shakes[0] is not None, keys[1] is not None or shakes[1] is not None)
        line.secured = secured if any(secured) else NOT_SECURED
        line.suites = _suite(line, keys, shakes, 0), _suite(line, keys, shakes, 1)

    def speak(self, line: Line, side: int, ufrag: str, password: str, peer: str) -> None:
        """ICE with that side: our credentials, and its ufrag, empty while it has not answered."""
        for stream in line.streams:
            self.relay.set_ice(stream, side, ufrag, password, peer)

    def renew_keys(self, line: Line, answerer: int) -> None:
        """Of ours, before another offer to that side."""
        for side, keys in enumerate(line.kept_keys or ()):
            offered = side == answerer and line.secured[side]
            keys.renew(turned=offered and any(self.relay.rollovers(stream, side) for stream in line.streams))

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

    def encoding(self, stream: int, payload_type: int) -> str:
        """Name and clock rate as a=rtpmap has them; "" when unknown."""
        return self.encodings.get(stream, {}).get(payload_type) or STATIC.get(payload_type, "")

    def mark(self, line: Line, dscp: int) -> None:
        for stream in line.streams:
            self.relay.set_dscp(stream, 0, dscp)
            self.relay.set_dscp(stream, 1, dscp)

    def totals_of_ports(self, line: Line) -> Totals:
        """Of a line whose ports are streams of their own."""
        return Totals(self.relay.totals(line.streams[::2]).rtp, self.relay.totals(line.streams[1::2]).rtp)

    def counts_of_ports(self, line: Line) -> list[StreamStats]:
        """The same of each port pair."""
        stats = [self.relay.stream_stats(stream) for stream in line.streams]
        pairs = zip(stats[::2], stats[1::2], strict=True)
        return [StreamStats(((rtp[0][0], rtcp[0][0]), (rtp[1][0], rtcp[1][0]))) for rtp, rtcp in pairs]

    def stats(self, line: Line, side: int, pair: int, rtcp: bool) -> relay.ComponentStats:
        stream, component = line.component(pair, rtcp)
        return self.relay.stats(stream, side, component)

    def _close_all(self, descriptors: Iterable[int]) -> None:
        for descriptor in descriptors:
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    self._close_socket(descriptor)


def _suite(line: Line, keys: Keys, shakes: Shakes, side: int) -> str:
    """In effect, empty for none. DTLS goes on with what there is until it has brought another."""
    if shakes[side] is not None:
        return line.suites[side]
    pair = keys[side]
    return pair[0][0] if pair is not None else ""


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
