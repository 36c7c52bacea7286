"""Codecs taken out of a body as the ng key ``codec`` (``strip``, ``except``, ``offer``) or the flag ``single-codec`` asks."""

from collections.abc import Callable
from dataclasses import dataclass

from media.encodings import encodings
from media.sdp import Description, Field, Media, parse

_ALL = frozenset({"all", "full"})
_BY_FORMAT = frozenset({"rtpmap", "fmtp", "rtcp-fb"})
_SUPPLEMENTAL = frozenset({"telephone-event", "cn"})  # goes with a codec


@dataclass(frozen=True, slots=True)
class CodecWish:
    """Lower-case encoding names, with or without their clock rate (``opus``, ``opus/48000/2``)."""

    strip: frozenset[str] = frozenset()  # "all": every one
    keep: frozenset[str] = frozenset()  # whatever ``strip`` says


NO_WISH = CodecWish()


def strip_codecs(description: Description, wish: CodecWish) -> Description:
    """Without formats and what is said of them. A line that would be left with none keeps all."""
    return _without(description, lambda names: {form for form, name in names.items() if _is_stripped(name, wish)})


def first_codecs(description: Description) -> Description:
    """With the first codec of each line only, and what goes with it."""
    return _without(description, _all_but_first)


def _without(description: Description, gone_of: Callable[[dict[str, str]], set[str]]) -> Description:
    """``gone_of``: from the encodings of a line's formats, in their order, to those that go."""
    lines = [line for line, _, _ in description.session.fields]
    for media in description.media:
        lines += _kept_lines(media, gone_of)
    return parse("\r\n".join([*lines, ""]))


def _kept_lines(media: Media, gone_of: Callable[[dict[str, str]], set[str]]) -> list[str]:
    first, *rest = media.fields
    names = encodings(media)
    forms = media.formats.split()
    gone = gone_of({form: names.get(form, "") for form in forms})
    if not media.port or "RTP/" not in media.protocol.upper() or len(gone) == len(forms):
        return [line for line, _, _ in media.fields]
    kept = " ".join(form for form in forms if form not in gone)
    start = first[0].removesuffix(media.formats)
    return [start + kept, *(field[0] for field in rest if not (field[1] in _BY_FORMAT and _format_of(field) in gone))]


def _is_stripped(encoding: str, wish: CodecWish) -> bool:
    known_as = {encoding.lower(), encoding.lower().partition("/")[0]}
    return not (known_as & wish.keep) and bool((known_as | _ALL) & wish.strip)


def _all_but_first(names: dict[str, str]) -> set[str]:
    codecs = [form for form, name in names.items() if name.lower().partition("/")[0] not in _SUPPLEMENTAL]
    return set(codecs[1:])


def _format_of(field: Field) -> str:
    return field[2].partition(" ")[0]
