"""Calls and their dialogues: who is who, by Call-ID, tags and branch.

A call has one dialogue per pair of parties. A dialogue has two sides: 0 sent its first offer, 1 is to answer it. A forked
request is one dialogue per branch when the proxy names the branch (``via-branch``). When it doesn't, all branches got the
same offer, so they share one dialogue, and whoever answers last has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from media.encodings import RtpMap
from media.endpoint import NOWHERE, Endpoint
from media.keying import Keying
from media.line import NOTHING, Line
from media.origin import Announced
from media.settings import Interface
from native import relay
from native.relay import Totals

# how well an answer fits a dialogue
NO_FIT, ANSWERED_ELSEWHERE, UNANSWERED, BOTH_TAGS, OF_BRANCH = range(5)


class Described(relay.DescribedBase):
    """What a party last said of one line."""

    __slots__ = ()
    endpoint: Endpoint
    rtp_map: RtpMap

    def clock_hz(self, payload_type: int) -> int:
        """RTP clock of what it sends; payload types it does not map are static (RFC 3551 section 6)."""
        default_hz = 8000 if self.kind == "audio" else 90000
        return self.rtp_map.clocks_hz.get(payload_type, default_hz)

    @property
    def on_hold(self) -> bool:
        return self.endpoint.held or self.endpoint.rtp is None or self.direction != "sendrecv"


class Side(relay.SideBase):
    """A party of a dialogue."""

    __slots__ = ()
    announced: Announced  # the o= line this side knows
    interface: Interface
    label: str
    muted: frozenset[str]  # what of it others don't get (media.mute)
    described: list[Described]  # in effect; per line


@dataclass(slots=True)
class Offer:
    """The last offer of a side. It takes effect with its answer: until then, and for ever if it is refused, what was
    agreed before stays (RFC 3264 section 8.3.1, RFC 3261 section 14.1)."""

    side: int  # whose
    mux_flags: frozenset[str]
    described: list[Described]  # this and what follows: per line
    lines: list[Line | None]  # None: port 0 from the start, or not relayed
    removed: list[bool]  # offered with port 0
    protocols: list[str]  # as sent on
    muxes: list[bool]  # the answerer is offered a=rtcp-mux
    mids: list[str]  # RFC 5888
    keyings: list[Keying | None]
    nat: frozenset[str]  # flags about the offerer's NAT
    ices: list[bool]  # the answerer is offered ICE
    ice_rejected: bool  # the offerer's is not taken

    def kind_of(self, index: int) -> int | None:
        """What the relay makes of that line: DTLS-SRTP that ends here is RTP. None: it isn't relayed."""
        keying = self.keyings[index]
        shakes = keying is not None and (keying.shakes or keying.peer is not None)
        return relay.RTP if shakes else self.described[index].stream_kind

    def is_bridged(self, index: int) -> bool:
        """Whether it goes on by another profile than it came."""
        return self.protocols[index] != self.described[index].protocol

    def described_to_other(self) -> list[Described]:
        """What the answerer is told of each line; where it is isn't known yet."""
        told = zip(self.described, self.protocols, self.muxes, strict=True)
        return [
            Described(state.kind, protocol, state.direction, mux, NOWHERE, state.rtp_map, state.mid, state.stream_kind)
            for state, protocol, mux in told
        ]


class Dialogue(relay.DialogueBase):
    """``side_of``, ``has_tags`` and ``all_lines`` are the base's (native/crelay/relay_dialogue_type.c)."""

    __slots__ = ()
    sides: tuple[Side, Side]
    lines: list[Line | None]  # in effect
    offers: list[Offer | None]  # by whose they are; they may cross

    def begun_by(self, tag: str, via_branch: str) -> bool:
        """A branch named on one side only doesn't part them."""
        return self.sides[0].tag == tag and (not via_branch or self.via_branch in ("", via_branch))

    def answer_fit(self, from_tag: str, to_tag: str, via_branch: str) -> int:
        """How well an answer fits: OF_BRANCH best, NO_FIT not at all."""
        callee = self.sides[1].tag
        if via_branch and self.via_branch == via_branch and self.sides[0].tag == from_tag and callee in ("", to_tag):
            return OF_BRANCH
        if self.has_tags(from_tag, to_tag):
            return BOTH_TAGS
        if not self.begun_by(from_tag, via_branch):
            return NO_FIT
        return UNANSWERED if not callee else ANSWERED_ELSEWHERE if self.offers[0] is not None else NO_FIT

    def fitting_line(self, index: int, kind: int, count: int, interfaces: tuple[Interface, Interface]) -> Line | None:
        """One that the m= line at ``index`` was last offered with, or has, if it may stay."""
        for offer in (self.offers[self.last_offerer], self.offers[1 - self.last_offerer], self):
            line = offer.lines[index] if offer is not None and index < len(offer.lines) else None
            if line is not None and line.fits(kind, count, interfaces):
                return line
        return None

    def shown(self, side: int) -> tuple[list[Line | None], list[Described]]:
        """The lines in effect and what ``side`` says of them; until the first answer, what is offered."""
        offer = None if self.lines else self.offers[self.last_offerer]
        if offer is None:
            return self.lines, self.sides[side].described
        return offer.lines, offer.described if side == offer.side else offer.described_to_other()

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
    signalled_at: float  # last offer or answer; Unix time, s
    signalled_ns: int  # native.relay's clock
    dialogues: list[Dialogue] = field(default_factory=list)
    past: Totals = NOTHING  # of dialogues that are gone
    metadata: str = ""
    recording: Recording | None = None
    recorded: dict[str, int | str] = field(default_factory=dict)  # what is told of one that could not go on
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
        for dialogue in self.dialogues:
            if dialogue.sides[0].tag == from_tag and dialogue.via_branch == via_branch:
                return dialogue
        return self._joined_by(from_tag, via_branch)

    def dialogue_for_answer(self, from_tag: str, to_tag: str, via_branch: str) -> Dialogue | None:
        """The one that fits best; of those with an open offer the newest."""
        best, best_fit = None, NO_FIT
        for dialogue in self.dialogues:
            fit = dialogue.answer_fit(from_tag, to_tag, via_branch)
            if fit > best_fit or NO_FIT < fit == best_fit <= UNANSWERED:
                best, best_fit = dialogue, fit
        return best

    def matching(self, from_tag: str, to_tag: str, via_branch: str) -> list[Dialogue]:
        """Dialogues that all the given (not empty) names fit."""
        return [
            dialogue
            for dialogue in self.dialogues
            if (not from_tag or dialogue.side_of(from_tag) is not None)
            and (not to_tag or dialogue.side_of(to_tag) is not None)
            and (not via_branch or dialogue.via_branch == via_branch)
        ]

    def deleted(self, from_tag: str, to_tag: str, via_branch: str, alone: bool) -> list[Dialogue]:
        """What a delete ends. Unless it means that one ``alone``, forks nobody answered go along with the dialogue of either
        party."""
        found = self.matching(from_tag, to_tag, via_branch)
        if len(found) == len(self.dialogues):
            return found
        if not found and to_tag:
            found = [item for item in self.matching(from_tag, "", via_branch) if not item.sides[1].tag]
        if not found or alone:
            return found
        callers = {dialogue.sides[0].tag for dialogue in found}
        found += [item for item in self.dialogues if item not in found and not item.answered and item.sides[0].tag in callers]
        return found

    def _with_tags(self, one: str, other: str) -> Dialogue | None:
        return next((dialogue for dialogue in self.dialogues if dialogue.has_tags(one, other)), None)

    def _joined_by(self, tag: str, via_branch: str) -> Dialogue | None:
        """The newest that this party has answered: there it goes on, though its proxy doesn't say with whom."""
        for dialogue in reversed(self.dialogues):
            if dialogue.sides[1].tag == tag and via_branch in ("", dialogue.via_branch):
                return dialogue
        return None

    def _open(self, from_tag: str, via_branch: str) -> Dialogue | None:
        """The newest that nobody answered."""
        for dialogue in reversed(self.dialogues):
            if dialogue.begun_by(from_tag, via_branch) and not dialogue.sides[1].tag:
                return dialogue
        return None
