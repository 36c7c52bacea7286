"""Session descriptions (RFC 8866): parsed as far as a relay needs, every line kept in its place.

A description is its fields (one a line), in a session section and one section per m= line. What we understand of a section is
beside its fields, not instead of them, so nothing gets lost. Lines may end in CRLF or LF; they leave with CRLF.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from media.errors import SdpError
from media.sdp_fields import (
    Connection,
    Origin,
    is_number,
    parse_connection,
    parse_origin,
    parse_port,
)
from native import relay

MAX_LINES = 2000
MAX_MEDIA = 64
DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})

_OF_MEDIA = frozenset({"rtpmap", "rtcp", "rtcp-mux", "rtcp-mux-only"})
_SESSION_BEFORE_C = frozenset("vosiuep")
_MEDIA_BEFORE_C = frozenset("mi")


Field = tuple[str, str, str]
"""A line without its end, the name of its attribute (``rtpmap``; of others its letter as ``c=``), and its value."""


@dataclass(slots=True)
class Section:
    """Fields, and what they say that concerns a relay."""

    fields: list[Field]
    number: int  # of the first line, counted from 1
    connection: Connection | None = None
    direction: str = ""
    fingerprint: bool = False
    crypto: bool = False

    def attributes(self, name: str) -> list[str]:
        """Values of every ``a=name:value``, "" for a bare ``a=name``."""
        return [value for _, key, value in self.fields if key == name]


@dataclass(slots=True)
class Media(Section):
    """One m= line (``fields[0]``) and those below it."""

    kind: str = ""  # audio, video, image ...
    port: int = 0
    count: int = 1  # of consecutive ports (RFC 8866 section 5.14)
    protocol: str = ""
    formats: str = ""
    rtcp_port: int = 0  # a=rtcp (RFC 3605), 0 when absent
    rtcp_connection: Connection | None = None
    mux: bool = False  # a=rtcp-mux (RFC 5761)
    rtpmaps: list[str] = field(default_factory=list)  # values of a=rtpmap


@dataclass(slots=True)
class Description:
    session: Section
    origin: Origin
    media: list[Media] = field(default_factory=list)

    def connection_of(self, media: Media) -> Connection | None:
        return media.connection or self.session.connection

    def direction_of(self, media: Media) -> str:
        return media.direction or self.session.direction or "sendrecv"


def serialise(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


def lines_of(description: Description) -> list[str]:
    """All lines in order."""
    sections = (description.session, *description.media)
    return [line for section in sections for line, _, _ in section.fields]


def parse(body: str) -> Description:
    """SdpError with the line's number for what RFC 8866 does not allow and a relay can't do without."""
    try:
        fields = relay.sdp_split(body)
    except ValueError as cause:
        raise SdpError(*cause.args) from None
    if not fields:
        raise SdpError(0, "empty body")
    if len(fields) > MAX_LINES:
        raise SdpError(0, f"{len(fields)} lines, more than {MAX_LINES}")
    if fields[0][0] != "v=0":
        raise SdpError(1, f"v=0 expected, not {fields[0][0][:40]!r}")
    starts = [index for index, field in enumerate(fields) if field[1] == "m="]
    if len(starts) > MAX_MEDIA:
        raise SdpError(starts[MAX_MEDIA] + 1, f"more than {MAX_MEDIA} m= lines")
    session = Section(fields[: starts[0]] if starts else fields, 1)
    description = Description(session, _origin(session.fields))
    _read_section(session)
    for start, end in pairwise([*starts, len(fields)]):
        media = _media_line(fields[start][2], Media(fields[start:end], start + 1))
        _read_section(media)
        description.media.append(media)
    _check_connections(description)
    return description


def insert_connection(section: Section, lines: list[str], connection: Connection) -> None:
    """Puts a c= line where RFC 8866 section 9 wants it in ``lines``, which are those of ``section``."""
    before = _MEDIA_BEFORE_C if isinstance(section, Media) else _SESSION_BEFORE_C
    at = 0
    while at < len(lines) and lines[at][0] in before:
        at += 1
    lines.insert(at, f"c={connection}")


def _origin(fields: list[Field]) -> Origin:
    for index, (_, name, value) in enumerate(fields):
        if name == "o=":
            return parse_origin(value, index + 1)
    raise SdpError(0, "no o= line")


def _read_section(section: Section) -> None:
    for index, (_, name, value) in enumerate(section.fields):
        if name in DIRECTIONS:
            section.direction = name
        elif name == "c=":
            if section.connection is None:
                section.connection = parse_connection(value, section.number + index)
        elif name == "fingerprint":
            section.fingerprint = True
        elif name == "crypto":
            section.crypto = True
        elif name in _OF_MEDIA and isinstance(section, Media):
            _read_media_attribute(section, name, value, section.number + index)


def _read_media_attribute(media: Media, name: str, value: str, number: int) -> None:
    if name == "rtpmap":
        media.rtpmaps.append(value)
    elif name == "rtcp":
        port, _, rest = value.strip().partition(" ")
        media.rtcp_port = parse_port(port, number, "a=rtcp")
        if rest.strip():
            media.rtcp_connection = parse_connection(rest, number)
    else:
        media.mux = True


def _media_line(value: str, media: Media) -> Media:
    number = media.number
    fields = value.split(None, 3)
    if len(fields) < 4:
        raise SdpError(number, "m= wants media, port, protocol and at least one format")
    media.kind, port, media.protocol, media.formats = fields
    port, slash, count = port.partition("/")
    media.port = parse_port(port, number, "m=")
    if slash:
        if not is_number(count, 999) or int(count) == 0:
            raise SdpError(number, f"port count {count[:20]!r} is not a positive number")
        media.count = int(count)
    return media


def _check_connections(description: Description) -> None:
    """RFC 8866 section 5.7: a c= line at session level or in every media description; we need none for port 0."""
    for media in description.media:
        if media.port and description.connection_of(media) is None:
            raise SdpError(media.number, f"m={media.kind} has no c= line, neither its own nor at session level")
