"""The o= line we send to one party (RFC 8866 section 5.2, RFC 3264 section 8).

Owning it lets us send a new body to a party in its peer's place, as moving a call to another node does: the session id
stays and the version grows by one, when the body changes.
"""

from native import relay


class Announced(relay.AnnouncedBase):
    """What one party has been told so far. native.relay.sdp_write counts there."""

    __slots__ = ()
