"""The default rule for who is behind a NAT; the application may know better."""

from __future__ import annotations

from ipaddress import ip_address

from native.sip import Message
from sipcore.flow import Flow


def sender_is_natted(request: Message, flow: Flow) -> bool:
    """Whether requests to the sender can only go back over ``flow``.

    So it is when the user agent itself sent the request (one Via), and the address it gives itself in Via differs from
    the one it has (RFC 3581), or its Contact is an address that only its own network reaches. A browser doesn't know its
    address (RFC 7118 section 5).
    """
    natted = request.sender_natted(flow.remote[0], flow.reliable)
    return is_private(request.contacts[0].uri.host) if natted is None else natted


def is_private(host: str) -> bool:
    """Private, shared, link-local or unspecified; not loopback, where every port is in reach."""
    address = ip_address(host)
    return not address.is_global and not address.is_loopback
