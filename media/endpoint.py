"""Where a party's media is, as native.relay.sdp_describe makes it of an m= line and flags."""

from collections.abc import Iterator
from typing import NamedTuple

from media.addresses import is_loopback, is_private
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
ANYWHERE = Endpoint(None, None, relay.ANY, None, False)  # whoever sends first


def targets(endpoint: Endpoint, pairs: int) -> Iterator[Address]:
    """Where what is sent to that side goes, of a place of so many port pairs; RTCP that nothing was said of too."""
    for address in (endpoint.rtp, endpoint.rtcp or (endpoint.rtp and (endpoint.rtp[0], endpoint.rtp[1] + 1))):
        if address is not None:
            for pair in range(pairs):
                yield address[0], address[1] + 2 * pair


def can_be_at(named: str, host: str) -> bool:
    """Whether a party that is at ``host`` may mean itself by ``named``, and no neighbour of ours."""
    return (is_private(host) or not is_private(named)) and (is_loopback(host) or not is_loopback(named))
