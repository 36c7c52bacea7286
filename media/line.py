"""A line: the relay streams of one m= line, with their local ports on both sides, and what they have received."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from media.endpoint import NOWHERE, Endpoint
from media.sdes import KeyPair, OwnKeys
from media.sdp_fields import NO_TYPES
from media.settings import Interface
from native import relay
from native.relay import PortBlock, Totals

if TYPE_CHECKING:
    from media.ice import OwnIce

_T = TypeVar("_T")
Sides = tuple[_T, _T]
"""Of a dialogue: of who sent its first offer, and of who answers it."""

Keys = Sides[KeyPair | None]  # of those that speak SRTP with us
PLAIN: Keys = (None, None)
NOT_SECURED = (False, False)


@dataclass(frozen=True, slots=True)
class Muting:
    """What a side sends and the other shall not get."""

    media: bool = False
    sound: bool = False
    types: int = NO_TYPES  # dynamic payload types, 96 the lowest bit


NOT_MUTED = Muting()


class Line(relay.LineBase):
    """A line of RTP has one stream per port pair. An opaque line has one per port: the relay knows nothing of its RTCP."""

    __slots__ = ()
    places: Sides[Endpoint]  # as it was told; kept while it is held
    held: Sides[bool]  # it wants nothing sent to it
    forwarded: Sides[bool]  # what it sends goes on
    muted: Sides[Muting]
    fed: Sides[bool]  # its feedback (RFC 4585) goes on
    secured: Sides[bool]  # it speaks SRTP with us
    suites: Sides[str]  # by which suite; empty: it doesn't
    muxed: Sides[bool]  # its RTCP comes to the port of its RTP
    kept_keys: Sides[OwnKeys] | None
    kept_ice: "Sides[OwnIce] | None"

    def __new__(cls, kind: int, interfaces: Sides[Interface], blocks: Sides[PortBlock], streams: list[int]) -> "Line":
        return super().__new__(cls, kind, interfaces, blocks, streams, (NOWHERE, NOWHERE), (NOT_MUTED, NOT_MUTED))

    @property
    def own_keys(self) -> Sides[OwnKeys]:
        """What we protect with, per side."""
        if self.kept_keys is None:
            self.kept_keys = OwnKeys(), OwnKeys()
        return self.kept_keys

    def component(self, pair: int, rtcp: bool) -> tuple[int, int]:
        """(stream, component) of the pair's RTP or RTCP port."""
        if self.kind == relay.RTP:
            return self.streams[pair], int(rtcp)
        return self.streams[2 * pair + rtcp], 0

    def fits(self, kind: int, count: int, interfaces: tuple[Interface, Interface]) -> bool:
        return self.kind == kind and len(self.blocks[0].sockets) == count and self.interfaces == interfaces


NOTHING = Totals()
