"""What is agreed by an offer and its answer takes effect on the lines of a call."""

import contextlib

from media import ice, keying, mute
from media.announce import accepted_mux, fed, is_readable, told_lines, told_profile
from media.calls import CallTable
from media.endpoint import ANYWHERE, NOWHERE, Endpoint
from media.errors import RequestError
from media.ice import Peer
from media.keying import Agreed
from media.line import Line
from media.nat import pierce, placed
from media.neighbours import Neighbours
from media.options import Options
from media.request import Request
from media.rewrite import LocalLine
from media.sdp import Description
from media.session import Described, Dialogue, Offer
from media.shake import ACTIVE, PASSIVE


class Agreement:
    """``neighbours`` get no media."""

    def __init__(self, calls: CallTable, neighbours: Neighbours) -> None:
        self._calls = calls
        self._lines = calls.lines
        self._neighbours = neighbours
        for port in neighbours.ports:
            calls.lines.chains.reserve(port)

    def refuse_places(self, offer: Offer, described: list[Described]) -> None:
        """RequestError when media would come round to where it was sent from, or reach a server of ours."""
        if not self._lines.chains.named(offer.lines, offer.described, described):
            return
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

    def hear_anyone(self, offer: Offer) -> None:
        """Before the first answer the offerer hears whoever sends, as ``endpoint-learning=any`` asks for; not where keys or
        checks are needed first, nor where its place would be refused with the answer."""
        with contextlib.suppress(RequestError):
            self.refuse_places(offer, offer.described_to_other())
            for index, (line, offered) in enumerate(zip(offer.lines, offer.described, strict=True)):
                proven = offer.keyings[index] is not None or offer.ices[index] or offered.ice is not None
                if line is not None and not proven:
                    self._lines.place(line, offer.side, offered.endpoint, False)
                    self._lines.place(line, 1 - offer.side, ANYWHERE, False)
                    self._lines.release(line)

    def take_effect(
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
        before = dialogue.all_lines() if dialogue.lines or dialogue.offers[1 - side] else []
        spoken, changed = [False] * len(offer.lines), ice.mismatches(offer)
        muxes, protocols = [False] * len(offer.lines), [state.protocol for state in described]
        for index, line in enumerate(offer.lines):
            media = description.media[index] if index < len(description.media) else None
            offered = offer.described[index].protocol
            if media is not None and media.protocol != offered:
                protocols[index] = told_profile(offered, offer.protocols[index], media.protocol, request.options)
            if offer.removed[index]:
                offer.lines[index] = None
            elif line is not None and (media is None or not media.port):
                self._lines.place(line, 0, NOWHERE, False)
                self._lines.place(line, 1, NOWHERE, False)
            elif line is not None:
                line.bridged = offer.is_bridged(index)
                keys = agreed[index]
                self._lines.secure(line, keys.keys, keys.shakes)  # before anything passes
                peer = ice.taken(offer, index, request.options)
                spoken[index] = peer is not None
                muxes[index] = self._place(line, offer, index, described[index], keys, request.options.nat, peer)
                if dialogue.reports or self._lines.reporting.due_ns:
                    readable = media is not None and is_readable(offer, index, media, keys)
                    self._lines.reporting.set(line, dialogue.reports and readable)
                self._lines.feed(line, fed(offer, index, described[index].protocol, keys))
        locals_ = told_lines(description, offer.lines, side, muxes, True, protocols, request.options)
        if any(offer.keyings):
            told = zip(locals_, agreed, offer.lines, strict=False)
            locals_ = [
                keying.local(local, keys.told, self._shaken(line, side, keys, request.options)) for local, keys, line in told
            ]
        if any(spoken) or any(changed):
            host = request.options.media_address or dialogue.sides[side].interface.announced
            locals_ = ice.told(locals_, offer.lines, side, spoken, host, request.options, True, changed)
        dialogue.lines = list(offer.lines)
        if dialogue.last_offerer == side:
            dialogue.offers[1 - side] = None  # an older one: what was agreed meanwhile is not to be undone
        dialogue.sides[side].described = offer.described
        dialogue.sides[1 - side].described = described
        mute.apply(self._lines, dialogue)
        if before and before != dialogue.lines:
            self.close_unused(dialogue, before)
        return locals_

    def _shaken(self, line: Line | None, side: int, keys: Agreed, options: Options) -> str:
        """What the offerer is told of DTLS with us."""
        if line is None or keys.shakes[side] is None:
            return ""
        setup = ACTIVE if self._lines.handshakes.is_active(line, side) else PASSIVE
        return self._lines.handshakes.announce(line, side, setup, options.dtls_hash, "no-tls-id" not in options.flags)

    def _place(
        self, line: Line, offer: Offer, index: int, answered: Described, keys: Agreed, nat: frozenset[str], peer: Peer | None
    ) -> bool:
        """Whether the offerer multiplexes RTCP. ``nat``: flags about the answerer's; ``peer``: the offerer, where it speaks ICE
        with us."""
        side, offered = offer.side, offer.described[index]
        answerer_mux = offer.muxes[index] and answered.mux
        offerer_mux = accepted_mux(offered, answerer_mux or keys.shakes[side] is not None, offer.mux_flags)
        other = ice.answered(offer, index, answered)
        self._put(line, side, offered.endpoint, offerer_mux, offer.nat, peer)
        self._put(line, 1 - side, answered.endpoint, answerer_mux, nat, other)
        if peer is None and offer.nat:
            pierce(line, side, offered.endpoint, offerer_mux, offer.nat, self._lines.send)
        if other is None and nat:
            pierce(line, 1 - side, answered.endpoint, answerer_mux, nat, self._lines.send)
        if peer is not None or other is not None or line.kept_ice is not None:
            self._speak(line, side, offered, peer)
            self._speak(line, 1 - side, answered, other)
        self._lines.learn(line, offered.rtp_map, answered.rtp_map)
        for each, shake in enumerate(keys.shakes):
            if shake is not None:
                self._lines.handshakes.agree(line, each, shake)
        return offerer_mux

    def _put(self, line: Line, side: int, endpoint: Endpoint, mux: bool, nat: frozenset[str], peer: Peer | None) -> None:
        """What is known of its NAT is no matter where checks tell."""
        self._lines.place(line, side, placed(endpoint, nat) if peer is None else ice.place(endpoint, peer), mux)

    def _speak(self, line: Line, side: int, described: Described, peer: Peer | None) -> None:
        """With a party that speaks ICE, or no more."""
        own = ice.own_ice(line, side)
        if peer is None:
            own.peer = described.ice = None
        else:
            own.meet(peer)
            self._lines.speak(line, side, own.ufrag, own.password, peer.ufrag)

    def close_unused(self, dialogue: Dialogue, before: list[Line]) -> None:
        """Of the lines it had ``before``."""
        kept = dialogue.all_lines()
        for line in before:
            if line not in kept:
                self._calls.close_line(dialogue, line)


def agree(offer: Offer, description: Description) -> list[Agreed]:
    """Per answered m= line the keys of the legs we secure. RequestError when the answer takes none."""
    return [
        keying.agreed(plan, line, media, description.session)
        for plan, line, media in zip(offer.keyings, offer.lines, description.media, strict=False)
    ]
