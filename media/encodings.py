"""Names of what RTP carries, by payload type."""

from media.sdp import Media
from media.sdp_fields import is_number

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


def encodings(media: Media) -> dict[str, str]:
    """Encoding name and clock rate of each format of an RTP line, as ``opus/48000/2``; static ones by name alone."""
    names = {form: STATIC[int(form)] for form in media.formats.split() if form.isdigit() and int(form) in STATIC}
    for value in media.rtpmaps:
        form, _, encoding = value.partition(" ")
        names[form] = encoding.strip()
    return names


def by_payload_type(media: Media) -> dict[int, str]:
    """The same of formats that are payload types."""
    return {int(form): name for form, name in encodings(media).items() if is_number(form, 127)}
