"""Codecs taken out of an offer as the ng key ``codec`` asks (its lists ``strip``, ``except`` and ``offer``)."""

from dataclasses import dataclass

from media.encodings import encodings
from media.errors import RequestError
from media.sdp import Field, Media

_ALL = frozenset({"all", "full"})
_BY_FORMAT = frozenset({"rtpmap", "fmtp", "rtcp-fb"})


@dataclass(frozen=True, slots=True)
class CodecWish:
    """Lower-case encoding names, with or without their clock rate (``opus``, ``opus/48000/2``)."""

    strip: frozenset[str] = frozenset()  # "all": every one
    keep: frozenset[str] = frozenset()  # whatever ``strip`` says


NO_WISH = CodecWish()


def strip_codecs(media: Media, wish: CodecWish) -> None:
    """Takes formats and what is said of them out of ``media``. RequestError when none would be left."""
    if wish == NO_WISH or not media.port or "RTP/" not in media.protocol.upper():
        return
    names = encodings(media)
    forms = media.formats.split()
    gone = {form for form in forms if _is_stripped(names.get(form, ""), wish)}
    if len(gone) == len(forms):
        raise RequestError(f"codec: nothing would be left of m={media.kind}")
    media.formats = " ".join(form for form in forms if form not in gone)
    media.fields = [field for field in media.fields if not (field[1] in _BY_FORMAT and _format_of(field) in gone)]
    media.rtpmaps = [value for value in media.rtpmaps if value.partition(" ")[0] not in gone]


def _is_stripped(encoding: str, wish: CodecWish) -> bool:
    known_as = {encoding.lower(), encoding.lower().partition("/")[0]}
    return not (known_as & wish.keep) and bool((known_as | _ALL) & wish.strip)


def _format_of(field: Field) -> str:
    return field[2].partition(" ")[0]
