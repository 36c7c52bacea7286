"""Session descriptions (RFC 8866): parsed as far as a relay needs, every line kept in its place.

A description is its lines, in a session section and one section per m= line. What we understand of a section is beside its
lines, not instead of them, so nothing gets lost. Lines may end in CRLF or LF; they leave with CRLF.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from media.errors import SdpError
from media.sdp_fields import (
    Connection,
    Origin,
    is_number,
    parse_clock_rate,
    parse_connection,
    parse_event_type,
    parse_origin,
    parse_port,
)

MAX_LINES = 2000
MAX_MEDIA = 64
DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})

_SESSION_BEFORE_C = frozenset("vosiuep")
_MEDIA_BEFORE_C = frozenset("mi")


@dataclass(slots=True)
class Section:
    """Lines without their ends, and what they say that concerns a relay."""

    lines: list[str]
    number: int  # of the first line, counted from 1
    connection: Connection | None = None
    direction: str = ""
    fingerprint: bool = False
    crypto: bool = False

    def attributes(self, name: str) -> list[str]:
        """Values of every ``a=name:value``, "" for a bare ``a=name``."""
        found = []
        for line in self.lines:
            if line.startswith("a="):
                key, _, value = line[2:].partition(":")
                if key == name:
                    found.append(value)
        return found


@dataclass(slots=True)
class Media(Section):
    """One m= line (``lines[0]``) and those below it."""

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
    lines = list(description.session.lines)
    for media in description.media:
        lines += media.lines
    return lines


def parse(body: str) -> Description:
    """SdpError with the line's number for what RFC 8866 does not allow and a relay can't do without."""
    lines = [line.removesuffix("\r") for line in body.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise SdpError(0, "empty body")
    if len(lines) > MAX_LINES:
        raise SdpError(0, f"{len(lines)} lines, more than {MAX_LINES}")
    _check_form(lines)
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > MAX_MEDIA:
        raise SdpError(starts[MAX_MEDIA] + 1, f"more than {MAX_MEDIA} m= lines")
    session = Section(lines[: starts[0]] if starts else lines, 1)
    description = Description(session, _origin(session.lines))
    _read_section(session)
    for start, end in pairwise([*starts, len(lines)]):
        media = _media_line(lines[start], Media(lines[start:end], start + 1))
        _read_section(media)
        description.media.append(media)
    _check_connections(description)
    return description


def clock_rates(media: Media) -> tuple[tuple[int, int], ...]:
    """(payload type, RTP clock in Hz) of each a=rtpmap (RFC 8866 section 6.6); what is no rtpmap is left out."""
    return tuple(rate for rate in map(parse_clock_rate, media.rtpmaps) if rate is not None)


def event_types(media: Media) -> int:
    """Payload types of telephone events, a bit each."""
    types = 0
    for rtpmap in media.rtpmaps:
        types |= parse_event_type(rtpmap)
    return types


def insert_connection(section: Section, lines: list[str], connection: Connection) -> None:
    """Puts a c= line where RFC 8866 section 9 wants it in ``lines``, which are those of ``section``."""
    before = _MEDIA_BEFORE_C if isinstance(section, Media) else _SESSION_BEFORE_C
    at = 0
    while at < len(lines) and lines[at][0] in before:
        at += 1
    lines.insert(at, f"c={connection}")


def _check_form(lines: list[str]) -> None:
    for index, line in enumerate(lines):
        if len(line) < 2 or line[1] != "=" or not ("a" <= line[0] <= "z"):
            raise SdpError(index + 1, f"{line[:40]!r} is not of the form x=value" if line else "empty line")
        if "\r" in line or "\0" in line:
            raise SdpError(index + 1, "a CR or NUL within the line")
    if lines[0] != "v=0":
        raise SdpError(1, f"v=0 expected, not {lines[0][:40]!r}")


def _origin(lines: list[str]) -> Origin:
    for index, line in enumerate(lines):
        if line.startswith("o="):
            return parse_origin(line[2:], index + 1)
    raise SdpError(0, "no o= line")


def _read_section(section: Section) -> None:
    for index, line in enumerate(section.lines):
        if line[0] == "a":
            name, _, value = line[2:].partition(":")
            if name in DIRECTIONS:
                section.direction = name
            elif name == "fingerprint":
                section.fingerprint = True
            elif name == "crypto":
                section.crypto = True
            elif isinstance(section, Media):
                _read_media_attribute(section, name, value, section.number + index)
        elif line[0] == "c" and section.connection is None:
            section.connection = parse_connection(line[2:], section.number + index)


def _read_media_attribute(media: Media, name: str, value: str, number: int) -> None:
    if name == "rtpmap":
        media.rtpmaps.append(value)
    elif name == "rtcp-mux" or name == "rtcp-mux-only":
        media.mux = True
    elif name == "rtcp":
        port, _, rest = value.strip().partition(" ")
        media.rtcp_port = parse_port(port, number, "a=rtcp")
        if rest.strip():
            media.rtcp_connection = parse_connection(rest, number)


def _media_line(line: str, media: Media) -> Media:
    number = media.number
    fields = line[2:].split(None, 3)
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
