"""Names of what RTP carries, by payload type."""

from collections.abc import Iterable
from dataclasses import dataclass

from media.sdp import Media
from media.sdp_fields import FIRST_DYNAMIC, NO_TYPES, is_number, parse_clock_rate, parse_event_type
from native import relay

# what needs no a=rtpmap
STATIC = {payload_type: encoding.partition("/")[0] for payload_type, encoding in relay.STATIC_ENCODINGS.items()}


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What the formats of an RTP line mean."""

    encodings: dict[int, str]  # name and clock rate by payload type, as ``opus/48000/2``; static ones by name alone
    clocks_hz: dict[int, int]  # RTP clock by payload type, of each a=rtpmap
    dynamic_hz: dict[int, int]  # of dynamic payload types only
    event_types: int  # payload types of telephone events, a bit each; 96 the lowest


def encodings(media: Media) -> dict[str, str]:
    """Encoding name and clock rate by format."""
    return _encodings(media.formats, media.attributes("rtpmap"))


def rtp_map(media: Media) -> RtpMap:
    """What is no rtpmap is left out."""
    rtpmaps = media.attributes("rtpmap")
    names = _encodings(media.formats, rtpmaps)
    rates = dict(rate for rate in map(parse_clock_rate, rtpmaps) if rate is not None)
    dynamic = {payload_type: rate for payload_type, rate in rates.items() if payload_type >= FIRST_DYNAMIC}
    types = NO_TYPES
    for rtpmap in rtpmaps:
        types |= parse_event_type(rtpmap)
    return RtpMap({int(form): name for form, name in names.items() if is_number(form, 127)}, rates, dynamic, types)


def _encodings(formats: str, rtpmaps: Iterable[str]) -> dict[str, str]:
    names = {form: STATIC[int(form)] for form in formats.split() if form.isdigit() and int(form) in STATIC}
    for value in rtpmaps:
        form, _, encoding = value.partition(" ")
        names[form] = encoding.strip()
    return names
