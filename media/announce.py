"""What we announce for one m= line: port, RTCP port, multiplexing and transport."""

from media.keying import Agreed, is_secure
from media.line import Line
from media.options import Options
from media.rewrite import LocalLine
from media.sdp import Description, Media
from media.session import Described, Offer
from native import relay

# Not a profile but whether it is to be secure: what is not listed stays as it came
_SECURITY = {
    "RTP": {"RTP/SAVP": "RTP/AVP", "RTP/SAVPF": "RTP/AVPF"},
    "SRTP": {"RTP/AVP": "RTP/SAVP", "RTP/AVPF": "RTP/SAVPF"},
}


def transport(protocol: str, options: Options, in_effect: str = "", stays: bool = False) -> str:
    """The m= line's protocol to send on: what the proxy asks for, else what was received. Profiles with and without feedback
    mix (RFC 4585 section 8), plain and secure ones do by keys of ours (media.keying).
    ``in_effect``: how the receiver has that line by now; ``stays``: it keeps that unless a profile is named."""
    wanted = options.transport_protocol
    if not (wanted or stays or "webrtc" in options.flags):
        return protocol
    received = protocol.upper()
    if "webrtc" in options.flags:
        wanted = "UDP/TLS/RTP/SAVPF"
    elif wanted in _SECURITY and not in_effect:
        wanted = _SECURITY[wanted].get(received, received)
    elif wanted in _SECURITY or (not wanted and stays):
        wanted = in_effect.upper()
    if "RTP/" not in wanted or "RTP/" not in received or wanted == received:
        return protocol
    return wanted


def offered_mux(offered: Described, flags: frozenset[str], in_effect: bool = False) -> bool:
    """Whether the answerer is offered a=rtcp-mux (RFC 5761 section 5.1.1): as we were, and when it multiplexes by now, unless a
    flag says otherwise."""
    if flags & {"offer", "require"}:
        return True
    return (offered.mux or in_effect) and "demux" not in flags


def accepted_mux(offered: Described, answered: bool, flags: frozenset[str]) -> bool:
    """Whether the offerer is told that we accept it; ``answered``: whether the answerer multiplexes towards us."""
    if "reject" in flags or not offered.mux:
        return False
    return answered or bool(flags & {"accept", "demux"})


def fed(offer: Offer, index: int, answered: str, keys: Agreed) -> tuple[bool, bool]:
    """Per side whether its feedback goes on: not to a profile without, which may ignore it (RFC 4585 section 5),
    and as far as we can read the RTCP. ``answered``: the answer's profile."""
    offered, answered = offer.described[index].protocol.upper(), answered.upper()
    one, other = offered.endswith("AVPF"), answered.endswith("AVPF")
    if one == other or (not keys.ends_here and "SAVP" in offered + answered):
        return True, True
    return (other, one) if offer.side == 0 else (one, other)


def is_readable(offer: Offer, index: int, answered: Media, keys: Agreed) -> bool:
    """Whether RTCP of that line isn't SRTCP from one party to the other."""
    if keys.ends_here:
        return True
    return not answered.crypto and "SAVP" not in (offer.described[index].protocol + answered.protocol).upper()


def told_profile(offered: str, sent_on: str, answered: str, options: Options) -> str:
    """What the offerer is told when the answer has another profile: the one it offered, but the answer's where that is secure
    and both offers weren't, or the reverse, or where the proxy wants to know."""
    if is_secure(offered) == is_secure(sent_on) != is_secure(answered):
        return answered
    passes = offered == sent_on and (options.transport_protocol == "ACCEPT" or "RTP/" not in offered.upper())
    return answered if passes else offered


def told_lines(
    description: Description,
    lines: list[Line | None],
    side: int,
    muxes: list[bool],
    one_port: bool,
    protocols: list[str],
    options: Options,
) -> list[LocalLine | None]:
    """``side``: whom we tell. None: passed on untouched. ``one_port``: multiplexed RTCP has no other port to fall back to."""
    no_rtcp = "no-rtcp-attribute" in options.flags
    return relay.sdp_told(LocalLine, description, lines, side, muxes, one_port, protocols, no_rtcp)
