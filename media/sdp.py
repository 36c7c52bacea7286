"""Session descriptions (RFC 8866), read as far as a relay needs. The received body is kept; native.relay writes the one to send
on from it, so nothing gets lost. Lines may end in CRLF or LF; they leave with CRLF.
"""

from dataclasses import dataclass

from media.errors import SdpError
from media.sdp_fields import Connection, Origin, parse_connection, parse_port, read_connection
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
    held: bool  # "send nothing to me" by a zero address (RFC 3264 section 8.4)
    rtcp_port: int  # a=rtcp (RFC 3605), 0 when absent
    rtcp_connection: Connection | None


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
        return Description(*relay.sdp_read(body, _CLASSES))
    except ValueError as cause:
        raise SdpError(*cause.args) from None


def _read_rtcp(media: Media, value: str, number: int) -> None:
    """a=rtcp (RFC 3605)."""
    port, _, rest = value.strip().partition(" ")
    media.rtcp_port = parse_port(port, number, "a=rtcp")
    if rest.strip():
        media.rtcp_connection = parse_connection(rest, number)


_CLASSES = (Section, Media, Origin, read_connection, _read_rtcp)
