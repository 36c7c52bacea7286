"""Calls and their dialogues: who is who, by Call-ID, tags and branch.

A call has one dialogue per pair of parties. A dialogue has two sides: 0 sent its first offer, 1 is to answer it. A forked
request is one dialogue per branch when the proxy names the branch (``via-branch``). When it doesn't, all branches got the
same offer, so they share one dialogue, and whoever answers last has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from media.encodings import NO_MAP, RtpMap
from media.endpoint import Endpoint
from media.keying import Keying
from media.origin import Announced
from media.settings import Interface
from media.streams import NOTHING, Line, Totals


@dataclass(slots=True)
class Described:
    """What a party last said of one line."""

    kind: str  # audio, image ...
    protocol: str
    direction: str  # sendrecv ..., as it says it
    mux: bool
    endpoint: Endpoint
    rtp_map: RtpMap = NO_MAP
    mid: str = ""  # RFC 5888

    def clock_hz(self, payload_type: int) -> int:
        """RTP clock of what it sends; payload types it does not map are static (RFC 3551 section 6)."""
        default_hz = 8000 if self.kind == "audio" else 90000
        return dict(self.rtp_map.clocks_hz).get(payload_type, default_hz)

    @property
    def on_hold(self) -> bool:
        return self.endpoint.held or self.endpoint.rtp is None or self.direction != "sendrecv"


@dataclass(slots=True, eq=False)
class Side:
    tag: str  # empty while unknown
    interface: Interface
    announced: Announced  # the o= line this side knows
    created_at: float  # Unix time, s
    label: str = ""
    muted: frozenset[str] = frozenset()  # what of it others don't get (media.mute)
    described: list[Described] = field(default_factory=list)  # in effect; per line


@dataclass(slots=True)
class Offer:
    """The last offer of a side. It takes effect with its answer: until then, and for ever if it is refused, what was
    agreed before stays (RFC 3264 section 8.3.1, RFC 3261 section 14.1)."""

    side: int  # whose
    described: list[Described]
    lines: list[Line | None]  # None: port 0 from the start, or not relayed
    removed: list[bool]  # offered with port 0
    protocols: list[str]  # to give back in the answer where we changed it, else empty
    mux_flags: frozenset[str]
    keyings: list[Keying | None]  # per line


@dataclass(slots=True, eq=False)
class Dialogue:
    sides: tuple[Side, Side]
    via_branch: str
    created_at: float
    lines: list[Line | None] = field(default_factory=list)  # in effect
    offers: list[Offer | None] = field(default_factory=lambda: [None, None])  # by whose they are; they may cross
    last_offerer: int = 0
    answered: bool = False  # by more than a provisional response
    past: Totals = NOTHING  # of lines closed meanwhile

    def side_of(self, tag: str) -> int | None:
        """A tag both sides have (a call to oneself through a stateless loop) is the first's."""
        if self.sides[0].tag == tag:
            return 0
        return 1 if self.sides[1].tag == tag else None

    def begun_by(self, tag: str) -> bool:
        return self.sides[0].tag == tag

    def has_tags(self, one: str, other: str) -> bool:
        tags = (self.sides[0].tag, self.sides[1].tag)
        return tags in ((one, other), (other, one))

    def all_lines(self) -> list[Line]:
        """Lines in effect and those only offered, each once."""
        found = [line for line in self.lines if line is not None]
        for offer in self.offers:
            if offer is not None:
                found += [line for line in offer.lines if line is not None and line not in found]
        return found

    def lines_at(self, index: int) -> list[Line]:
        """Lines the m= line at ``index`` has or was last offered with."""
        offered = [offer.lines for offer in (self.offers[self.last_offerer], self.offers[1 - self.last_offerer]) if offer]
        found = (known[index] for known in (*offered, self.lines) if index < len(known))
        return [line for line in found if line is not None]

    def secured_at(self, index: int) -> tuple[bool, bool]:
        """Which sides speak SRTP with us on the m= line in effect there."""
        line = self.lines[index] if index < len(self.lines) else None
        return line.secured if line is not None else (False, False)

    def protocol_of(self, side: int, index: int) -> str:
        """Of a line in effect as this side knows it, else empty."""
        described = self.sides[side].described
        in_effect = index < len(described) and index < len(self.lines) and self.lines[index] is not None
        return described[index].protocol if in_effect else ""

    @property
    def on_hold(self) -> bool:
        """All lines held by one side or the other (RFC 3264 section 8.4)."""
        pairs = zip(self.sides[0].described, self.sides[1].described, strict=False)
        return all(one.on_hold or other.on_hold for one, other in pairs)


@dataclass(slots=True, eq=False)
class Recording:
    """One file. ``number`` is the relay's."""

    number: int
    call_id: str
    path: str
    paused: bool = False


@dataclass(slots=True, eq=False)
class Call:
    call_id: str
    created_at: float  # Unix time, s
    created_ns: int  # native.relay's clock
    signalled_at: float  # last offer or answer; Unix time, s
    signalled_ns: int
    dialogues: list[Dialogue] = field(default_factory=list)
    past: Totals = NOTHING  # of dialogues that are gone
    metadata: str = ""
    recording: Recording | None = None
    delete_ns: int = 0  # when it is to go, 0: not yet
    check_ns: int = 0  # next look at its deadlines (media.timeouts), 0: none planned

    def lines(self) -> Iterator[Line]:
        for dialogue in self.dialogues:
            yield from dialogue.all_lines()

    def dialogue_for_offer(self, from_tag: str, to_tag: str, via_branch: str) -> Dialogue | None:
        """The dialogue an offer continues; None when it begins one. Without a To tag it is a request tried again, or on to
        another branch the proxy doesn't name: it keeps its ports."""
        if to_tag:
            return self._with_tags(from_tag, to_tag) or self._open(from_tag, via_branch)
        return next((item for item in self.dialogues if item.begun_by(from_tag) and item.via_branch == via_branch), None)

    def dialogue_for_answer(self, from_tag: str, to_tag: str, via_branch: str) -> Dialogue | None:
        """Best match first: the branch, both tags, an offer nobody answered yet, an offer that another branch answered."""
        return (
            self._of_branch(from_tag, to_tag, via_branch)
            or self._with_tags(from_tag, to_tag)
            or self._open(from_tag, via_branch)
            or self._newest_offer(from_tag, via_branch)
        )

    def matching(self, from_tag: str, to_tag: str, via_branch: str) -> list[Dialogue]:
        """Dialogues that all the given (not empty) names fit."""
        return [
            dialogue
            for dialogue in self.dialogues
            if (not from_tag or dialogue.side_of(from_tag) is not None)
            and (not to_tag or dialogue.side_of(to_tag) is not None)
            and (not via_branch or dialogue.via_branch == via_branch)
        ]

    def _with_tags(self, one: str, other: str) -> Dialogue | None:
        return next((dialogue for dialogue in self.dialogues if dialogue.has_tags(one, other)), None)

    def _of_branch(self, from_tag: str, to_tag: str, via_branch: str) -> Dialogue | None:
        if not via_branch:
            return None
        own = (item for item in self.dialogues if item.begun_by(from_tag) and item.via_branch == via_branch)
        return next((item for item in own if item.sides[1].tag in ("", to_tag)), None)

    def _open(self, from_tag: str, via_branch: str) -> Dialogue | None:
        return next((item for item in self._offers(from_tag, via_branch) if not item.sides[1].tag), None)

    def _newest_offer(self, from_tag: str, via_branch: str) -> Dialogue | None:
        return next((item for item in self._offers(from_tag, via_branch) if item.offers[0] is not None), None)

    def _offers(self, from_tag: str, via_branch: str) -> Iterator[Dialogue]:
        """Dialogues this party began, newest first; a branch named on one side only doesn't part them."""
        for dialogue in reversed(self.dialogues):
            if dialogue.begun_by(from_tag) and (not via_branch or dialogue.via_branch in ("", via_branch)):
                yield dialogue
