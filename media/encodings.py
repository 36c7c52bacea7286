"""Names of what RTP carries, by payload type."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from media.sdp import Media
from media.sdp_fields import NO_TYPES, is_number, parse_clock_rate, parse_event_type

# RFC 3551 tables 4 and 5: what needs no a=rtpmap
STATIC = {
    0: "PCMU",
    3: "GSM",
    4: "G723",
    5: "DVI4",
    6: "DVI4",
    7: "LPC",
    8: "PCMA",
    9: "G722",
    10: "L16",
    11: "L16",
    12: "QCELP",
    13: "CN",
    14: "MPA",
    15: "G728",
    16: "DVI4",
    17: "DVI4",
    18: "G729",
    26: "JPEG",
    31: "H261",
    32: "MPV",
    33: "MP2T",
    34: "H263",
}


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What the formats of an RTP line mean."""

    encodings: dict[int, str]  # name and clock rate by payload type, as ``opus/48000/2``; static ones by name alone
    clocks_hz: tuple[tuple[int, int], ...]  # (payload type, RTP clock) of each a=rtpmap
    event_types: int  # payload types of telephone events, a bit each; 96 the lowest


NO_MAP = RtpMap({}, (), NO_TYPES)


def encodings(media: Media) -> dict[str, str]:
    """Encoding name and clock rate by format."""
    return _encodings(media.formats, media.rtpmaps)


def rtp_map(media: Media) -> RtpMap:
    return _rtp_map(media.formats, media.rtpmaps)


@lru_cache(maxsize=1000)
def _rtp_map(formats: str, rtpmaps: tuple[str, ...]) -> RtpMap:
    """Devices of one kind send the same lines with every call. What is no rtpmap is left out."""
    names = _encodings(formats, rtpmaps)
    rates = tuple(rate for rate in map(parse_clock_rate, rtpmaps) if rate is not None)
    types = NO_TYPES
    for rtpmap in rtpmaps:
        types |= parse_event_type(rtpmap)
    return RtpMap({int(form): name for form, name in names.items() if is_number(form, 127)}, rates, types)


def _encodings(formats: str, rtpmaps: Iterable[str]) -> dict[str, str]:
    names = {form: STATIC[int(form)] for form in formats.split() if form.isdigit() and int(form) in STATIC}
    for value in rtpmaps:
        form, _, encoding = value.partition(" ")
        names[form] = encoding.strip()
    return names
