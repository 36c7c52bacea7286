"""Offers and answers (RFC 3264) between two parties that each see us as the other's media."""

import random
from functools import lru_cache

from media import ice, keying
from media.agreement import Agreement, agree
from media.announce import told_lines
from media.calls import CallTable
from media.codecs import NO_WISH, answered_codecs, first_codecs, offered_codecs
from media.errors import UNKNOWN_CALL, RequestError
from media.interfaces import Pair, first_pair, next_pair
from media.keying import UNTOUCHED
from media.line import Line
from media.neighbours import Neighbours
from media.offer_plan import describe, made_mids, plan_offer
from media.options import Options
from media.origin import Announced
from media.request import Request
from media.rewrite import LOOP_MARK, LocalLine
from media.sdp import Description, parse
from media.sdp_fields import Connection
from media.session import Call, Dialogue, Offer, Side
from media.settings import Interface
from media.shake import OFFERED
from native import relay


class OfferAnswer:
    """``loop_mark`` tells our own bodies from others' (flag ``loop-protect``); ``neighbours`` get no media."""

    def __init__(self, calls: CallTable, interfaces: tuple[Interface, ...], loop_mark: str, neighbours: Neighbours) -> None:
        self._calls = calls
        self._lines = calls.lines
        self._interfaces = interfaces
        self._loop_mark = loop_mark
        self._agreement = Agreement(calls, neighbours)

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
        described = describe(description, request, answerer.interface)
        self._agreement.refuse_places(offer, described)
        agreed = agree(offer, description) if any(offer.keyings) else [UNTOUCHED] * len(description.media)
        answerer.tag = request.to_tag
        answerer.label = request.options.label or request.options.set_label or answerer.label
        _note_wish(dialogue, request)
        locals_ = self._agreement.take_effect(dialogue, offer, described, agreed, description, request)
        dialogue.answered = dialogue.answered or not request.options.provisional
        self._note(call, dialogue, request)
        if request.options.codecs is not NO_WISH:
            description = answered_codecs(description, request.options.codecs)
        if "single-codec" in request.options.flags:
            description = first_codecs(description)
        return self._render(dialogue.sides[offer.side], description, locals_, offer.mids, request)

    def _begin(self, pair: Pair, request: Request) -> Dialogue:
        now = self._calls.clock.unix_s()
        return Dialogue((_side(request.from_tag, pair[0], now), _side(request.to_tag, pair[1], now)), request.via_branch, now)

    def _offer_in(self, dialogue: Dialogue, pair: Pair, description: Description, request: Request) -> str:
        options = request.options
        before = dialogue.all_lines() if any(dialogue.offers) else []
        offer = plan_offer(dialogue, pair, description, request)
        offer.lines = self._allot(dialogue, before, offer, description, pair)
        side = dialogue.last_offerer = offer.side
        dialogue.offers[side] = offer
        if before:
            self._agreement.close_unused(dialogue, before)
            if dialogue.answered:  # then nobody takes any more what was offered before
                for known in dialogue.all_lines():
                    self._lines.renew_keys(known, 1 - side)
        offerer, answerer = dialogue.sides[side], dialogue.sides[1 - side]
        dialogue.sides[0].interface, dialogue.sides[1].interface = pair
        _note_wish(dialogue, request)
        offerer.label = options.label or options.set_label or offerer.label
        answerer.tag = request.to_tag or answerer.tag
        one_port = "require" in options.rtcp_mux
        locals_ = told_lines(description, offer.lines, 1 - side, offer.muxes, one_port, offer.protocols, options)
        if options.sdes or any(offer.keyings):
            self._tell_keys(locals_, offer, description, options)
        if options.mode == relay.ANY and not dialogue.lines:
            self._agreement.hear_anyone(offer)
        if any(offer.ices):
            locals_ = self._offer_ice(locals_, dialogue, offer, request)
        mids = made_mids(description) if "generate-mid" in options.flags else None
        return self._render(answerer, description, locals_, mids, request)

    def _offer_ice(
        self, locals_: list[LocalLine | None], dialogue: Dialogue, offer: Offer, request: Request
    ) -> list[LocalLine | None]:
        """On lines that are not in effect yet checks are answered from now on: they may come before the answer does."""
        side = 1 - offer.side
        for line, spoken in zip(offer.lines, offer.ices, strict=True):
            if line is not None and spoken and line not in dialogue.lines:
                own = ice.own_ice(line, side)
                self._lines.speak(line, side, own.ufrag, own.password, "")
        host = request.options.media_address or dialogue.sides[side].interface.announced
        return ice.told(locals_, offer.lines, side, offer.ices, host, request.options, "require" in offer.mux_flags)

    def _tell_keys(self, locals_: list[LocalLine | None], offer: Offer, description: Description, options: Options) -> None:
        """What the answerer is told of keys."""
        for index, media in enumerate(description.media):
            plan, line = offer.keyings[index], offer.lines[index]
            if plan is not None and plan.suites is not None:
                plan = offer.keyings[index] = keying.offered(plan, line)
                ours = ""
                if plan.shakes and line is not None:
                    with_id = "no-tls-id" not in options.flags
                    ours = self._lines.handshakes.announce(line, 1 - offer.side, OFFERED, options.dtls_hash, with_id)
                locals_[index] = keying.local(locals_[index], plan.ours, ours)
            elif options.sdes:
                locals_[index] = keying.passed(locals_[index], media, options)

    def _allot(
        self, dialogue: Dialogue, before: list[Line], offer: Offer, description: Description, pair: Pair
    ) -> list[Line | None]:
        """A line per m= line with a port: the one it had if it still fits, so that ports stay, else a new one."""
        opened: list[Line] = []
        lines: list[Line | None] = []
        beside = before[0] if before else None
        try:
            for index, media in enumerate(description.media):
                kind, line = offer.kind_of(index), None
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

    def _render(
        self, side: Side, description: Description, locals_: list[LocalLine | None], mids: list[str] | None, request: Request
    ) -> str:
        """The body for ``side``, which is whom we tell. ``mids``: see native.relay.sdp_write."""
        ours = _ours(request.options.media_address or side.interface.announced)
        how = request.options.writing | ice.writing(locals_)
        return relay.sdp_write(description, locals_, mids, ours, how, self._loop_mark, side.announced)

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


def _note_wish(dialogue: Dialogue, request: Request) -> None:
    """For RTCP of ours, from the next answer on."""
    if request.options.reports:
        dialogue.reports = request.options.reports == "on"


@lru_cache(maxsize=1000)
def _ours(address: str) -> Connection:
    return Connection(6 if ":" in address else 4, address)


def _side(tag: str, interface: Interface, now: float) -> Side:
    return Side(tag, interface, Announced(random.getrandbits(31) | 1), now)
