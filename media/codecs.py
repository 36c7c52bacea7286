"""Codecs taken out of an offer as the ng key ``codec`` asks (its lists ``strip``, ``except`` and ``offer``)."""

from dataclasses import dataclass

from media.encodings import encodings
from media.errors import RequestError
from media.sdp import Description, Field, Media, parse

_ALL = frozenset({"all", "full"})
_BY_FORMAT = frozenset({"rtpmap", "fmtp", "rtcp-fb"})


@dataclass(frozen=True, slots=True)
class CodecWish:
    """Lower-case encoding names, with or without their clock rate (``opus``, ``opus/48000/2``)."""

    strip: frozenset[str] = frozenset()  # "all": every one
    keep: frozenset[str] = frozenset()  # whatever ``strip`` says


NO_WISH = CodecWish()


def strip_codecs(description: Description, wish: CodecWish) -> Description:
    """Without formats and what is said of them. RequestError when a line would be left with none."""
    if wish is NO_WISH:
        return description
    lines = [line for line, _, _ in description.session.fields]
    for media in description.media:
        lines += _kept_lines(media, wish)
    return parse("\r\n".join([*lines, ""]))


def _kept_lines(media: Media, wish: CodecWish) -> list[str]:
    first, *rest = media.fields
    if not media.port or "RTP/" not in media.protocol.upper():
        return [line for line, _, _ in media.fields]
    names = encodings(media)
    forms = media.formats.split()
    gone = {form for form in forms if _is_stripped(names.get(form, ""), wish)}
    if len(gone) == len(forms):
        raise RequestError(f"codec: nothing would be left of m={media.kind}")
    kept = " ".join(form for form in forms if form not in gone)
    start = first[0].removesuffix(media.formats)
    return [start + kept, *(field[0] for field in rest if not (field[1] in _BY_FORMAT and _format_of(field) in gone))]


def _is_stripped(encoding: str, wish: CodecWish) -> bool:
    known_as = {encoding.lower(), encoding.lower().partition("/")[0]}
    return not (known_as & wish.keep) and bool((known_as | _ALL) & wish.strip)


def _format_of(field: Field) -> str:
    return field[2].partition(" ")[0]
