"""A line: the relay streams of one m= line, with their local ports on both sides, and what they have received."""

from dataclasses import dataclass
from operator import add
from typing import NamedTuple

from media.endpoint import NOWHERE, Endpoint
from media.ports import PortBlock
from media.sdes import KeyPair, OwnKeys
from media.sdp import Description, Media
from media.sdp_fields import NO_TYPES
from media.settings import Interface
from native import relay
from native.relay import ComponentStats, Tally

StreamStats = tuple[tuple[ComponentStats, ComponentStats], tuple[ComponentStats, ComponentStats]]
"""[side][0 for RTP, 1 for RTCP]."""
Keys = tuple[KeyPair | None, KeyPair | None]  # per side, of those that speak SRTP with us
PLAIN: Keys = (None, None)
NOT_SECURED = (False, False)


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
    places: tuple[Endpoint, Endpoint] = (NOWHERE, NOWHERE)  # per side, as it was told; kept while it is held
    held: tuple[bool, bool] = (False, False)  # per side: it wants nothing sent to it
    forwarded: tuple[bool, bool] = (True, True)  # per side: what it sends goes on
    muted: tuple[Muting, Muting] = (NOT_MUTED, NOT_MUTED)
    fed: tuple[bool, bool] = (True, True)  # per side: its feedback (RFC 4585) goes on
    recording: int = -1  # what its streams are taped for
    secured: tuple[bool, bool] = NOT_SECURED  # per side: it speaks SRTP with us
    muxed: tuple[bool, bool] = (False, False)  # per side: its RTCP comes to the port of its RTP
    bridged: bool = False  # the proxy asked for different profiles
    _own_keys: tuple[OwnKeys, OwnKeys] | None = None

    @property
    def own_keys(self) -> tuple[OwnKeys, OwnKeys]:
        """What we protect with, per side."""
        if self._own_keys is None:
            self._own_keys = OwnKeys(), OwnKeys()
        return self._own_keys

    def renew_keys(self) -> None:
        """Of ours those that were in effect and are no more."""
        for keys in self._own_keys or ():
            keys.renew()

    def component(self, pair: int, rtcp: bool) -> tuple[int, int]:
        """(stream, component) of the pair's RTP or RTCP port."""
        if self.kind == relay.RTP:
            return self.streams[pair], int(rtcp)
        return self.streams[2 * pair + rtcp], 0

    def fits(self, kind: int, count: int, interfaces: tuple[Interface, Interface]) -> bool:
        return self.kind == kind and len(self.blocks[0].sockets) == count and self.interfaces == interfaces


class Totals(NamedTuple):
    """What a line, a dialogue or a call has received from both sides."""

    rtp: Tally
    rtcp: Tally

    def plus(self, other: "Totals") -> "Totals":
        if self is NOTHING:
            return other
        if other is NOTHING:
            return self
        return Totals(Tally(*map(add, self.rtp, other.rtp)), Tally(*map(add, self.rtcp, other.rtcp)))


NOTHING = Totals(Tally(0, 0, 0, 0, 0), Tally(0, 0, 0, 0, 0))


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
