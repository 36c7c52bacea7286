"""Session descriptions (RFC 8866): parsed as far as a relay needs, every line kept in its place.

A description is its lines, in a session section and one section per m= line. What we understand of a section is beside its
lines, not instead of them, so nothing gets lost. Lines may end in CRLF or LF; they leave with CRLF.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from media.addresses import numeric
from media.errors import SdpError

MAX_LINES = 2000
MAX_MEDIA = 64
DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
ZERO = frozenset({"0.0.0.0", "::"})  # noqa: S104 - "send nothing to me", RFC 3264 section 8.4

_SESSION_BEFORE_C = frozenset("vosiuep")
_MEDIA_BEFORE_C = frozenset("mi")


@dataclass(frozen=True, slots=True)
class Connection:
    """``IN IP4 192.0.2.1``; ``address`` may be a host name or a multicast address with its TTL, as written."""

    family: int  # 4 or 6
    address: str

    def __str__(self) -> str:
        return f"IN IP{self.family} {self.address}"

    @property
    def zero(self) -> bool:
        return self.address in ZERO

    @property
    def unicast(self) -> bool:
        """Whether media can be sent to it: numeric, not multicast, not zero."""
        address = numeric(self.address)
        return address is not None and not address.multicast and not self.zero


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line's fields (RFC 8866 section 5.2)."""

    username: str
    session_id: str
    version: str
    connection: Connection

    def __str__(self) -> str:
        return f"o={self.username} {self.session_id} {self.version} {self.connection}"


@dataclass(slots=True)
class Section:
    """Lines without their ends, and what they say that concerns a relay."""

    lines: list[str]
    number: int  # of the first line, counted from 1
    connection: Connection | None = None
    direction: str = ""
    fingerprint: bool = False
    crypto: bool = False
    ice: bool = False

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
    return tuple(rate for rate in map(_clock_rate, media.rtpmaps) if rate is not None)


@lru_cache(maxsize=1000)
def _clock_rate(rtpmap: str) -> tuple[int, int] | None:
    payload_type, _, encoding = rtpmap.partition(" ")
    rate = encoding.split("/")[1] if "/" in encoding else ""
    if _is_number(payload_type, 127) and _is_number(rate, 10_000_000):
        return int(payload_type), int(rate)
    return None


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
            fields = line[2:].rsplit(None, 5)
            if len(fields) != 6:
                raise SdpError(index + 1, "o= wants user name, session id, version, net type, address type and address")
            connection = Connection(_family(fields[3], fields[4], index + 1), fields[5])
            return Origin(fields[0], fields[1], fields[2], connection)
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
            elif name == "ice-ufrag" or name == "candidate":
                section.ice = True
            elif isinstance(section, Media):
                _read_media_attribute(section, name, value, section.number + index)
        elif line[0] == "c" and section.connection is None:
            section.connection = _connection(line[2:], section.number + index)


def _read_media_attribute(media: Media, name: str, value: str, number: int) -> None:
    if name == "rtpmap":
        media.rtpmaps.append(value)
    elif name == "rtcp-mux" or name == "rtcp-mux-only":
        media.mux = True
    elif name == "rtcp":
        port, _, rest = value.strip().partition(" ")
        media.rtcp_port = _port(port, number, "a=rtcp")
        if rest.strip():
            media.rtcp_connection = _connection(rest, number)


def _connection(text: str, number: int) -> Connection:
    fields = text.split()
    if len(fields) != 3:
        raise SdpError(number, f"{text[:60]!r} is not net type, address type and address")
    family = _family(fields[0], fields[1], number)
    address = numeric(fields[2])
    if address is None and not _is_host_name(fields[2]):
        raise SdpError(number, f"{fields[2][:60]!r} is no address others could use")
    if address is not None and address.family != family:
        raise SdpError(number, f"{fields[2]} is no IP{family} address")
    return Connection(family, fields[2])


def _family(net_type: str, address_type: str, number: int) -> int:
    if net_type.upper() != "IN":
        raise SdpError(number, f"net type {net_type[:20]!r} is not IN")
    family = {"IP4": 4, "IP6": 6}.get(address_type.upper())
    if family is None:
        raise SdpError(number, f"address type {address_type[:20]!r} is neither IP4 nor IP6")
    return family


def _is_host_name(text: str) -> bool:
    """A name, or a multicast address with TTL or count; never something that looks like a broken IPv4 address."""
    name = text.partition("/")[0]
    if name != text:
        group = numeric(name)
        return group is not None and group.multicast
    plain = name.replace("-", "").replace(".", "")
    return plain.isascii() and plain.isalnum() and not plain.isdigit()


def _media_line(line: str, media: Media) -> Media:
    number = media.number
    fields = line[2:].split(None, 3)
    if len(fields) < 4:
        raise SdpError(number, "m= wants media, port, protocol and at least one format")
    media.kind, port, media.protocol, media.formats = fields
    port, slash, count = port.partition("/")
    media.port = _port(port, number, "m=")
    if slash:
        if not _is_number(count, 999) or int(count) == 0:
            raise SdpError(number, f"port count {count[:20]!r} is not a positive number")
        media.count = int(count)
    return media


def _port(text: str, number: int, where: str) -> int:
    if not _is_number(text, 65535):
        raise SdpError(number, f"{where} port {text[:20]!r} is not a number from 0 to 65535")
    return int(text)


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= most


def _check_connections(description: Description) -> None:
    """RFC 8866 section 5.7: a c= line at session level or in every media description; we need none for port 0."""
    for media in description.media:
        if media.port and description.connection_of(media) is None:
            raise SdpError(media.number, f"m={media.kind} has no c= line, neither its own nor at session level")
