"""What a body says of each line, and what an offer is to become: still without ports, and nothing is changed by it."""

from itertools import count

from media import keying
from media.announce import offered_mux, transport
from media.encodings import rtp_map
from media.endpoint import NOWHERE, locate
from media.errors import SdpError
from media.interfaces import Pair
from media.line import NOT_SECURED, stream_kind
from media.request import Request
from media.sdp import Description, Media
from media.session import Described, Dialogue, Offer
from media.settings import Interface


def plan_offer(dialogue: Dialogue, pair: Pair, description: Description, request: Request) -> Offer:
    """What is offered, still without lines. RequestError and SdpError when a line can't be as it says or the proxy wants it."""
    options = request.options
    side = dialogue.side_of(request.from_tag) or 0
    offer = Offer(side, options.rtcp_mux)
    for index, media in enumerate(description.media):
        line = dialogue.lines[index] if index < len(dialogue.lines) else None
        secured, muxed, in_effect, stays = NOT_SECURED, False, "", False
        if line is not None:
            secured, muxed, in_effect = line.secured, line.muxed[1 - side], dialogue.protocol_of(1 - side, index)
            stays = secured != NOT_SECURED or (line.bridged and media.protocol == dialogue.protocol_of(side, index))
        protocol = transport(media.protocol, options, in_effect, stays)
        described = describe(description, media, request, pair[side])
        offer.described.append(described)
        offer.muxes.append(offered_mux(described, options.rtcp_mux, muxed))
        offer.removed.append(not media.port)
        offer.protocols.append(protocol)
        offer.keyings.append(keying.plan(media, protocol, side, secured, options))
    return offer


def describe(description: Description, media: Media, request: Request, interface: Interface) -> Described:
    """SdpError when its address can't be reached from ``interface``."""
    kind = stream_kind(description, media)
    endpoint = NOWHERE if kind is None else locate(description, media, request)
    if endpoint.rtp is not None and (":" in endpoint.rtp[0]) != (interface.family == 6):
        raise SdpError(media.number, f"m={media.kind}: {endpoint.rtp[0]} can't be reached from {interface.address}")
    return Described(
        media.kind, media.protocol, description.direction_of(media), media.mux, endpoint, rtp_map(media), media.mid, kind
    )


def made_mids(description: Description) -> list[str]:
    """A mid (RFC 5888) for each line that has none: its number, or the next one that is free."""
    taken = {media.mid for media in description.media}
    mids = []
    for number, media in enumerate(description.media, 1):
        mid = media.mid or next(str(free) for free in count(number) if str(free) not in taken)
        taken.add(mid)
        mids.append(mid)
    return mids
