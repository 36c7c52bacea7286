"""Where a party's media is, and how far we trust what it says of that: from an m= line and flags to a learning mode."""

from collections.abc import Iterator
from typing import NamedTuple

from media.addresses import family_of, is_private
from media.errors import SdpError
from media.request import Request
from media.sdp import Description, Media
from media.sdp_fields import Connection
from native import relay

Address = tuple[str, int]


class Endpoint(NamedTuple):
    """What is set for one side of one line. ``rtp`` None: the party takes no media there (port 0, or never known)."""

    rtp: Address | None
    rtcp: Address | None
    mode: int  # native.relay's
    learn_host: str | None
    held: bool  # by a zero address: the party wants nothing sent to it, but may send


NOWHERE = Endpoint(None, None, relay.SYMMETRIC, None, False)


def locate(description: Description, media: Media, request: Request) -> Endpoint:
    """The endpoint of a line with a port. SdpError when its address can't be sent to."""
    connection = description.connection_of(media)
    if not media.port or connection is None:
        return NOWHERE
    mode = request.options.mode
    source = _source(connection, request)
    if connection.zero:
        return Endpoint(None, None, mode, None, media.held)
    if source:
        return Endpoint((source, media.port), (source, _rtcp_port(media)), mode, source, False)
    if not connection.unicast or connection.numeric is None:
        raise SdpError(media.number, f"m={media.kind}: can't send to {connection.address}, not a numeric unicast address")
    host = connection.numeric.host
    return Endpoint((host, media.port), (_rtcp_host(media, host), _rtcp_port(media)), mode, host, False)


def targets(endpoint: Endpoint, pairs: int) -> Iterator[Address]:
    """Where what is sent to that side goes, of a place of so many port pairs; RTCP that nothing was said of too."""
    for address in (endpoint.rtp, endpoint.rtcp or (endpoint.rtp and (endpoint.rtp[0], endpoint.rtp[1] + 1))):
        if address is not None:
            for pair in range(pairs):
                yield address[0], address[1] + 2 * pair


def _source(connection: Connection, request: Request) -> str:
    """The SIP message's source address when that is where the media comes from, else empty.

    So it is when the proxy says so, and when the party signals an address that only means something at its own place. Told to
    trust the party's address, we only doubt a private one that arrived from a public one: that can't be right. A source of
    another family than the body's says nothing about its media."""
    source = request.received_from
    if not source or family_of(source) != connection.family:
        return ""
    if "sip-source-address" in request.options.flags:
        return source
    if connection.address == source or connection.numeric is None or not connection.numeric.private:
        return ""
    return "" if "trust-address" in request.options.flags and is_private(source) else source


def _rtcp_port(media: Media) -> int:
    """RFC 3605; without a=rtcp the next port (RFC 3550 section 11)."""
    return media.rtcp_port or min(media.port + 1, 65535)


def _rtcp_host(media: Media, host: str) -> str:
    connection = media.rtcp_connection
    if connection is None or connection.numeric is None or not connection.unicast:
        return host
    return connection.numeric.host if connection.numeric.family == family_of(host) else host
