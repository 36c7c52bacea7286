"""What a body says of each line, and what an offer is to become: still without ports, and nothing is changed by it."""

from itertools import count

from media import ice, keying
from media.announce import offered_mux, transport
from media.encodings import RtpMap, rtp_map
from media.endpoint import NOWHERE, Endpoint, can_be_at
from media.errors import SdpError
from media.interfaces import Pair
from media.line import NOT_SECURED
from media.options import Options
from media.request import Request
from media.sdp import Description
from media.session import Described, Dialogue, Offer
from media.settings import Interface
from native import relay

_known_maps: dict[bytes, RtpMap] = {}  # by formats: devices of one kind send the same lines with every call
_MAKERS = (Described, Endpoint, NOWHERE, _known_maps, rtp_map, can_be_at)


def plan_offer(dialogue: Dialogue, pair: Pair, description: Description, request: Request) -> Offer:
    """What is offered, still without lines. RequestError and SdpError when a line can't be as it says or the proxy wants it."""
    options, side = request.options, dialogue.side_of(request.from_tag) or 0
    described = describe(description, request, pair[side])
    removed, protocols, muxes, mids, plain = relay.sdp_as_offered(description, described)
    ices = ice.offered(described, dialogue, 1 - side, description, options)
    rejected = ice.rejected(options)
    offer = Offer(
        side,
        options.rtcp_mux,
        described,
        [],
        removed,
        protocols,
        muxes,
        mids,
        [None] * len(described),
        options.nat,
        ices,
        rejected,
    )
    if dialogue.lines or not plain or options.changes_lines:
        _change_lines(offer, dialogue, description, options)
    return offer


def _change_lines(offer: Offer, dialogue: Dialogue, description: Description, options: Options) -> None:
    """What is another than it was offered: as the proxy wants it, and as the answerer has it by now."""
    side = offer.side
    for index, media in enumerate(description.media):
        line = dialogue.lines[index] if index < len(dialogue.lines) else None
        secured, muxed, in_effect, stays = NOT_SECURED, False, "", False
        if line is not None:
            secured, muxed, in_effect = line.secured, line.muxed[1 - side], dialogue.protocol_of(1 - side, index)
            stays = secured != NOT_SECURED or (line.bridged and media.protocol == dialogue.protocol_of(side, index))
        protocol = transport(media.protocol, options, in_effect, stays)
        keys = keying.plan(media, description.session, protocol, side, secured, options)
        shakes = keys is not None and keys.shakes
        offer.muxes[index] = shakes or offered_mux(offer.described[index], options.rtcp_mux, muxed)
        offer.protocols[index] = protocol
        offer.keyings[index] = keys


def describe(description: Description, request: Request, interface: Interface) -> list[Described]:
    """Per line; SdpError when the address of one can't be reached from ``interface``, or can't be sent to."""
    try:
        return relay.sdp_describe(description, request, interface, _MAKERS)
    except ValueError as cause:
        raise SdpError(*cause.args) from None


def made_mids(description: Description) -> list[str]:
    """A mid (RFC 5888) for each line that has none: its number, or the next one that is free."""
    taken = {media.mid for media in description.media}
    mids = []
    for number, media in enumerate(description.media, 1):
        mid = media.mid or next(str(free) for free in count(number) if str(free) not in taken)
        taken.add(mid)
        mids.append(mid)
    return mids
