"""Session descriptions (RFC 8866), read as far as a relay needs. The received body is kept; native.relay writes the one to send
on from it, so nothing gets lost. Lines may end in CRLF or LF; they leave with CRLF.
"""

from dataclasses import dataclass
from typing import Any

from media.errors import SdpError
from media.sdp_fields import Connection, Origin, parse_connection, parse_port
from native import relay

Field = tuple[str, str, str]
"""A line without its end, the name of its attribute (``rtpmap``; of others its letter as ``c=``), and its value."""


@dataclass(slots=True)
class Section:
    """What its lines say that concerns a relay."""

    body: str  # the whole one
    number: int  # of the first line, counted from 1
    end: int  # of the line after the last
    connection: Connection | None
    direction: str
    fingerprint: bool
    crypto: bool

    @property
    def fields(self) -> list[Field]:
        return relay.sdp_split(self.body, self.number, self.end)

    def attributes(self, name: str) -> list[str]:
        """Values of every ``a=name:value``, "" for a bare ``a=name``."""
        return [value for line, key, value in self.fields if key == name and line[0] == "a"]


@dataclass(slots=True)
class Media(Section):
    """One m= line and those below it."""

    kind: str  # audio, video, image ...
    port: int
    count: int  # of consecutive ports (RFC 8866 section 5.14)
    protocol: str
    formats: str
    mux: bool  # a=rtcp-mux (RFC 5761)
    mid: str  # a=mid (RFC 5888), "" when absent
    rtpmaps: tuple[str, ...]  # values of a=rtpmap
    rtcp_port: int = 0  # a=rtcp (RFC 3605), 0 when absent
    rtcp_connection: Connection | None = None


@dataclass(slots=True)
class Description:
    session: Section
    origin: Origin
    media: list[Media]

    @property
    def body(self) -> str:
        return self.session.body

    def connection_of(self, media: Media) -> Connection | None:
        return media.connection or self.session.connection

    def direction_of(self, media: Media) -> str:
        return media.direction or self.session.direction or "sendrecv"


def parse(body: str) -> Description:
    """SdpError with the line's number for what RFC 8866 does not allow and a relay can't do without."""
    try:
        origin, (session, *sections) = relay.sdp_read(body)
    except ValueError as cause:
        raise SdpError(*cause.args) from None
    number, end, connection, at, direction, fingerprint, crypto = session
    inherited = None if connection is None else parse_connection(connection, at)
    description = Description(Section(body, number, end, inherited, direction, fingerprint, crypto), Origin(*origin), [])
    for section in sections:
        media = _media(body, section)
        if media.port and media.connection is None and inherited is None:
            # RFC 8866 section 5.7: a c= line at session level or in every media description; we need none for port 0
            raise SdpError(media.number, f"m={media.kind} has no c= line, neither its own nor at session level")
        description.media.append(media)
    return description


def _media(body: str, section: tuple[Any, ...]) -> Media:
    number, end, connection, connection_at, direction, fingerprint, crypto, *of_media = section
    kind, port, count, protocol, formats, rtcp, rtcp_at, mux, mid, rtpmaps = of_media
    own = None if connection is None else parse_connection(connection, connection_at)
    media = Media(
        body, number, end, own, direction, fingerprint, crypto, kind, port, count, protocol, formats, mux, mid, rtpmaps
    )
    if rtcp is not None:
        port, _, rest = rtcp.strip().partition(" ")
        media.rtcp_port = parse_port(port, rtcp_at, "a=rtcp")
        if rest.strip():
            media.rtcp_connection = parse_connection(rest, rtcp_at)
    return media
