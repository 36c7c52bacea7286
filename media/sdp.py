"""Session descriptions (RFC 8866), read as far as a relay needs. The received body is kept; native.relay writes the one to send
on from it, so nothing gets lost. Lines may end in CRLF or LF; they leave with CRLF.
"""

from media.errors import SdpError
from media.sdp_fields import Connection, Origin, read_connection
from native import relay

Field = tuple[str, str, str]
"""A line without its end, the name of its attribute (``rtpmap``; of others its letter as ``c=``), and its value."""


class Section(relay.SectionBase):
    """What its lines say that concerns a relay."""

    __slots__ = ()
    connection: Connection | None

    def attributes(self, name: str) -> list[str]:
        """Values of every ``a=name:value``, "" for a bare ``a=name``."""
        return [value for line, key, value in self.fields if key == name and line[0] == "a"]


class Media(Section):
    """One m= line and those below it."""

    __slots__ = ()
    rtcp_connection: Connection | None


class Description(relay.DescriptionBase):
    __slots__ = ()
    session: Section
    media: tuple[Media, ...]

    @property
    def origin(self) -> Origin:
        return Origin(*self.origin_fields)

    def connection_of(self, media: Media) -> Connection | None:
        return media.connection or self.session.connection

    def direction_of(self, media: Media) -> str:
        return media.direction or self.session.direction or "sendrecv"


def parse(body: str) -> Description:
    """SdpError with the line's number for what RFC 8866 does not allow and a relay can't do without."""
    try:
        return Description(body, Section, Media, read_connection)
    except ValueError as cause:
        raise SdpError(*cause.args) from None
