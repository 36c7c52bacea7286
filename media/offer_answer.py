"""Offers and answers (RFC 3264) between two parties that each see us as the other's media."""

import random
from functools import lru_cache

from media import keying, mute
from media.announce import accepted_mux, answered_line, fed, offered_line
from media.calls import CallTable
from media.codecs import NO_WISH, answered_codecs, first_codecs, offered_codecs
from media.endpoint import NOWHERE, Endpoint
from media.errors import UNKNOWN_CALL, RequestError
from media.interfaces import Pair, first_pair, next_pair
from media.keying import UNTOUCHED, Agreed
from media.line import Line
from media.neighbours import Neighbours
from media.offer_plan import describe, made_mids, plan_offer
from media.origin import Announced, stamp
from media.request import Request
from media.rewrite import LOOP_MARK, LocalLine, Style, rewrite
from media.sdp import Description, parse
from media.sdp_fields import Connection
from media.session import Call, Described, Dialogue, Offer, Side
from media.settings import Interface


class OfferAnswer:
    """``loop_mark`` tells our own bodies from others' (flag ``loop-protect``); ``neighbours`` get no media."""

    def __init__(self, calls: CallTable, interfaces: tuple[Interface, ...], loop_mark: str, neighbours: Neighbours) -> None:
        self._calls = calls
        self._lines = calls.lines
        self._interfaces = interfaces
        self._loop_mark = loop_mark
        self._neighbours = neighbours

    def offer(self, request: Request) -> str:
        """The body for who is to answer. Takes ports, changes no media. RequestError, and then nothing changed."""
        description = parse(request.sdp)
        if "loop-protect" in request.options.flags and self._is_looped(description):
            return request.sdp
        if request.options.codecs is not NO_WISH:
            description = offered_codecs(description, request.options.codecs)
        known = self._calls.get(request.call_id)
        call = known or self._calls.create(request.call_id)
        try:
            continued = call.dialogue_for_offer(request.from_tag, request.to_tag, request.via_branch)
            if continued is None:
                pair = first_pair(self._interfaces, description, request.options)
                dialogue = self._begin(pair, request)
            else:
                dialogue, side = continued, continued.side_of(request.from_tag) or 0
                pair = next_pair(self._interfaces, dialogue, side, description, request.options)
            body = self._offer_in(dialogue, pair, description, request)
        except BaseException:
            if known is None:
                self._calls.drop(call)
            raise
        if continued is None:
            call.dialogues.append(dialogue)
        self._note(call, dialogue, request)
        return body

    def answer(self, request: Request) -> str:
        """The body for the offerer; what was offered and answered takes effect. RequestError, and then nothing changed."""
        description = parse(request.sdp)
        if "loop-protect" in request.options.flags and self._is_looped(description):
            return request.sdp
        call = self._calls.get(request.call_id)
        if call is None:
            raise RequestError(UNKNOWN_CALL)
        dialogue = call.dialogue_for_answer(request.from_tag, request.to_tag, request.via_branch)
        offer = dialogue.offers[dialogue.side_of(request.from_tag) or 0] if dialogue is not None else None
        if dialogue is None or offer is None:
            raise RequestError(f"No offer with from-tag {request.from_tag!r} waits for an answer in this call")
        if len(description.media) > len(offer.lines):
            raise RequestError(f"The answer has {len(description.media)} m= lines, the offer had {len(offer.lines)}")
        answerer = dialogue.sides[1 - offer.side]
        described = [describe(description, media, request, answerer.interface) for media in description.media]
        self._refuse_places(offer, described)
        agreed = _agree(offer, description) if any(offer.keyings) else [UNTOUCHED] * len(description.media)
        answerer.tag = request.to_tag
        answerer.label = request.options.label or answerer.label
        locals_ = self._take_effect(dialogue, offer, described, agreed, description, request)
        dialogue.answered = dialogue.answered or not request.options.provisional
        self._note(call, dialogue, request)
        mids = [state.mid for state in offer.described]
        if request.options.codecs is not NO_WISH:
            description = answered_codecs(description, request.options.codecs)
        if "single-codec" in request.options.flags:
            description = first_codecs(description)
        return self._render(dialogue.sides[offer.side], description, locals_, mids, request)

    def _begin(self, pair: Pair, request: Request) -> Dialogue:
        now = self._calls.clock.unix_s()
        return Dialogue((_side(request.from_tag, pair[0], now), _side(request.to_tag, pair[1], now)), request.via_branch, now)

    def _offer_in(self, dialogue: Dialogue, pair: Pair, description: Description, request: Request) -> str:
        options = request.options
        before = dialogue.all_lines()
        offer = plan_offer(dialogue, pair, description, request)
        offer.lines = self._allot(dialogue, before, offer, description, pair)
        side = dialogue.last_offerer = offer.side
        dialogue.offers[side] = offer
        if before:
            self._close_unused(dialogue, before)
            dialogue.renew_keys()
        offerer, answerer = dialogue.sides[side], dialogue.sides[1 - side]
        dialogue.sides[0].interface, dialogue.sides[1].interface = pair
        offerer.label = options.label or offerer.label
        answerer.tag = request.to_tag or answerer.tag
        locals_ = []
        for index, media in enumerate(description.media):
            line, plan = offer.lines[index], offer.keyings[index]
            told = offered_line(media, line, 1 - side, offer.muxes[index], offer.protocols[index], options)
            if plan is not None and plan.suites is not None:
                told = keying.local(told, keying.offered_keys(plan, line))
            locals_.append(told)
        mids = made_mids(description) if "generate-mid" in options.flags else None
        return self._render(answerer, description, locals_, mids, request)

    def _allot(
        self, dialogue: Dialogue, before: list[Line], offer: Offer, description: Description, pair: Pair
    ) -> list[Line | None]:
        """A line per m= line with a port: the one it had if it still fits, so that ports stay, else a new one."""
        opened: list[Line] = []
        lines: list[Line | None] = []
        beside = before[0] if before else None
        try:
            for index, media in enumerate(description.media):
                kind, line = offer.described[index].stream_kind, None
                if not media.port:
                    line = dialogue.lines[index] if index < len(dialogue.lines) else None
                elif kind is not None:
                    line = dialogue.fitting_line(index, kind, media.count, pair) if before else None
                    if line is None:
                        line = self._lines.open(kind, media.count, pair, beside)
                        opened.append(line)
                beside = beside or line
                lines.append(line)
        except BaseException:
            for line in opened:
                self._lines.close(line)
            raise
        return lines

    def _refuse_places(self, offer: Offer, described: list[Described]) -> None:
        """RequestError when media would come round to where it was sent from, or reach a server of ours."""
        placed: dict[Line, tuple[Endpoint, Endpoint]] = {}
        for index, (line, answered) in enumerate(zip(offer.lines, described, strict=False)):
            if line is not None and not offer.removed[index]:
                told = (offer.described[index].endpoint, answered.endpoint)
                near, far = told if offer.side == 0 else told[::-1]
                placed[line] = (line.places[0] if near.held else near, line.places[1] if far.held else far)
        for line, places in placed.items():
            for endpoint in places:
                server = self._neighbours.reached(endpoint, len(line.blocks[0].sockets))
                if server is not None:
                    raise RequestError(f"Media sent to {server[0]} port {server[1]} would reach a server of this node")
        address = self._lines.chains.circle(placed)
        if address is not None:
            raise RequestError(f"Media sent to {address[0]} port {address[1]}, which is ours, would come back here")

    def _take_effect(
        self,
        dialogue: Dialogue,
        offer: Offer,
        described: list[Described],
        agreed: list[Agreed],
        description: Description,
        request: Request,
    ) -> list[LocalLine | None]:
        """Places both parties on every line; returns what the offerer is told."""
        side = offer.side
        before = dialogue.all_lines()
        locals_: list[LocalLine | None] = []
        for index, line in enumerate(offer.lines):
            media = description.media[index] if index < len(description.media) else None
            mux = False
            if offer.removed[index]:
                offer.lines[index] = None
            elif line is not None and (media is None or not media.port):
                self._lines.place(line, 0, NOWHERE, False)
                self._lines.place(line, 1, NOWHERE, False)
            elif line is not None:
                line.bridged = offer.is_bridged(index)
                mux = self._place(line, offer, index, described[index])
                self._lines.secure(line, agreed[index].keys)
                self._lines.feed(line, fed(offer, index, described[index].protocol, agreed[index].keys))
            if media is not None:
                told = answered_line(
                    media, offer.lines[index], side, mux, offer.answered_by(index, media.protocol), request.options
                )
                locals_.append(keying.local(told, agreed[index].told))
        dialogue.lines = list(offer.lines)
        if dialogue.last_offerer == side:
            dialogue.offers[1 - side] = None  # an older one: what was agreed meanwhile is not to be undone
        dialogue.sides[side].described = offer.described
        dialogue.sides[1 - side].described = described
        mute.apply(self._lines, dialogue)
        if before != dialogue.lines:
            self._close_unused(dialogue, before)
        return locals_

    def _place(self, line: Line, offer: Offer, index: int, answered: Described) -> bool:
        """Whether the offerer multiplexes RTCP."""
        side, offered = offer.side, offer.described[index]
        answerer_mux = offer.muxes[index] and answered.mux
        offerer_mux = accepted_mux(offered, answerer_mux, offer.mux_flags)
        self._lines.place(line, side, offered.endpoint, offerer_mux)
        self._lines.place(line, 1 - side, answered.endpoint, answerer_mux)
        self._lines.set_clocks(line, offered.rtp_map.dynamic_hz | answered.rtp_map.dynamic_hz)
        self._lines.set_encodings(line, offered.rtp_map.encodings | answered.rtp_map.encodings)
        return offerer_mux

    def _close_unused(self, dialogue: Dialogue, before: list[Line]) -> None:
        """Of the lines it had ``before``."""
        kept = dialogue.all_lines()
        for line in before:
            if line not in kept:
                self._calls.close_line(dialogue, line)

    def _render(
        self, side: Side, description: Description, locals_: list[LocalLine | None], mids: list[str] | None, request: Request
    ) -> str:
        """The body for ``side``, which is whom we tell. ``mids``: see media.rewrite."""
        address = request.options.media_address or side.interface.announced
        style = _style(
            address,
            "full-rtcp-attribute" in request.options.flags,
            "zero-address" in request.options.replace,
            "original-sendrecv" in request.options.flags,
            "strip-extmap" in request.options.flags,
            self._loop_mark if "loop-protect" in request.options.flags else "",
        )
        parts = rewrite(description, locals_, mids, style)
        return stamp(parts, description, side.announced, style.connection, request.options.replace)

    def _note(self, call: Call, dialogue: Dialogue, request: Request) -> None:
        call.signalled_at = self._calls.clock.unix_s()
        call.signalled_ns = self._calls.clock.monotonic_ns()
        call.metadata = request.options.metadata or call.metadata
        call.delete_ns = 0
        if request.options.dscp >= 0:
            for line in dialogue.all_lines():
                self._lines.mark(line, request.options.dscp)

    def _is_looped(self, description: Description) -> bool:
        """It was here before."""
        return self._loop_mark in description.session.attributes(LOOP_MARK)


def _agree(offer: Offer, description: Description) -> list[Agreed]:
    """Per answered m= line the keys of the legs we secure. RequestError when the answer takes none."""
    return [
        keying.agreed(plan, line, media)
        for plan, line, media in zip(offer.keyings, offer.lines, description.media, strict=False)
    ]


@lru_cache(maxsize=1000)
def _style(
    address: str, full_rtcp: bool, replace_zero: bool, keep_directions: bool, strip_extmap: bool, loop_mark: str
) -> Style:
    """The same few come with every call."""
    ours = Connection(6 if ":" in address else 4, address)
    return Style(ours, full_rtcp, replace_zero, keep_directions, strip_extmap, loop_mark)


def _side(tag: str, interface: Interface, now: float) -> Side:
    return Side(tag, interface, Announced(random.getrandbits(31) | 1), now)
