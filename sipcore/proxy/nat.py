"""The default rule for who is behind a NAT; the application may know better."""

from __future__ import annotations

from ipaddress import ip_address

from native.sip import Message, ParseError
from sipcore.flow import Flow


def sender_is_natted(request: Message, flow: Flow) -> bool:
    """Whether requests to the sender can only go back over ``flow``.

    So it is when the user agent itself sent the request (one Via), and the address it gives itself in Via differs from
    the one it has (RFC 3581), or its Contact is an address that only its own network reaches.
    """
    if request.via_count != 1:
        return False
    via = request.via
    if via.host.endswith(".invalid"):  # RFC 7118 section 5: a browser
        return True
    if via.received is not None and via.received != via.host and is_address(via.host):
        return True
    if not flow.reliable and via.rport is not None and via.rport != (via.port or 5060):
        return True
    try:
        contacts = request.contacts
    except ParseError:
        return False
    if not contacts or contacts[0].is_star:
        return False
    uri = contacts[0].uri
    return uri.host.endswith(".invalid") or (uri.host_is_ip and uri.host != flow.remote[0] and is_private(uri.host))


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_private(host: str) -> bool:
    """Private, shared, link-local or unspecified; not loopback, where every port is in reach."""
    address = ip_address(host)
    return not address.is_global and not address.is_loopback
