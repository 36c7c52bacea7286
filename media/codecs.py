"""Codecs taken out of a body as the ng key ``codec`` with its lists or the flag ``single-codec`` asks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from media.encodings import encodings
from media.sdp import Description, Field, Media, parse
from native import relay

_ALL = frozenset({"all", "full"})
_BY_FORMAT = frozenset({"rtpmap", "fmtp", "rtcp-fb"})
_SUPPLEMENTAL = frozenset({"telephone-event", "cn"})  # goes with a codec


@dataclass(frozen=True, slots=True)
class CodecWish:
    """Lower-case encoding names, with or without their clock rate (``opus``, ``opus/48000/2``)."""

    strip: frozenset[str] = frozenset()  # "all": every one
    mask: frozenset[str] = frozenset()  # the same, but of offers only
    keep: frozenset[str] = frozenset()  # whatever these say
    offer: tuple[str, ...] = ()  # these too, but in this order, after those that nothing is said of


NO_WISH = CodecWish()


def offered_codecs(description: Description, wish: CodecWish) -> Description:
    """Without formats and what is said of them. A line that would be left with none keeps all."""
    return _with(description, lambda names: _wished(names, replace(wish, strip=wish.strip | wish.mask)))


def answered_codecs(description: Description, wish: CodecWish) -> Description:
    return _with(description, lambda names: _wished(names, wish)) if wish.strip else description


def first_codecs(description: Description) -> Description:
    """With the first codec of each line only, and what goes with it."""
    return _with(description, _first)


def _with(description: Description, kept_of: Callable[[dict[str, str]], list[str]]) -> Description:
    """``kept_of``: from the encodings of a line's formats, in their order, to those that stay, in theirs."""
    lines = [line for line, _, _ in description.session.fields]
    for media in description.media:
        lines += _kept_lines(media, kept_of)
    return parse("\r\n".join([*lines, ""]))


def _kept_lines(media: Media, kept_of: Callable[[dict[str, str]], list[str]]) -> list[str]:
    first, *rest = media.fields
    names = encodings(media)
    forms = media.formats.split()
    kept = kept_of({form: names.get(form, "") for form in forms})
    if not media.port or "RTP/" not in media.protocol.upper() or not kept:
        return [line for line, _, _ in media.fields]
    gone = set(forms) - set(kept)
    start = first[0].removesuffix(media.formats)
    return [
        start + " ".join(kept),
        *(field[0] for field in rest if not (field[1] in _BY_FORMAT and _format_of(field) in gone)),
    ]


def _wished(names: dict[str, str], wish: CodecWish) -> list[str]:
    known_as = {form: _known_as(form, name) for form, name in names.items()}
    gone = {form for form, known in known_as.items() if (known | _ALL) & wish.strip and not known & wish.keep}
    stays = [form for form in names if form not in gone]
    back = [form for word in wish.offer for form in names if form in gone and word in known_as[form]]
    if not back:
        return stays
    return sorted(dict.fromkeys(stays + back), key=lambda form: _is_supplemental(names[form]))


def _known_as(form: str, encoding: str) -> frozenset[str]:
    """``opus``, ``opus/48000`` and ``opus/48000/2``."""
    if form.isdigit() and "/" not in encoding:
        encoding = relay.STATIC_ENCODINGS.get(int(form), encoding)
    parts = encoding.lower().split("/")
    return frozenset("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _first(names: dict[str, str]) -> list[str]:
    codecs = [form for form, name in names.items() if not _is_supplemental(name)]
    return [form for form in names if form not in codecs[1:]]


def _is_supplemental(encoding: str) -> bool:
    return encoding.lower().partition("/")[0] in _SUPPLEMENTAL


def _format_of(field: Field) -> str:
    return field[2].partition(" ")[0]
