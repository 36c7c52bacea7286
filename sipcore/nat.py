"""Telling whether a registered contact can be reached at the address it names, or only over the flow it came by.

The signs are those a registrar sees without asking: where the request came from, what its top Via says of the sender, and
what Contact says (RFC 3581 section 1, RFC 5626 section 1).
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from native.sip import Message, Uri
from sipcore.flow import Flow

DEFAULT_PORTS = {"tls": 5061, "wss": 443, "ws": 80}
VERIFIED_TRANSPORTS = frozenset(("tls", "wss"))


@dataclass(frozen=True, slots=True)
class Reach:
    """``natted``: only over the flow. ``by_connection``: over the connection while it lives, else at the contact's address."""

    natted: bool
    by_connection: bool


_DIRECT = Reach(natted=False, by_connection=False)
_FLOW_ONLY = Reach(natted=True, by_connection=True)
_CONNECTION = Reach(natted=False, by_connection=True)


def reach_of(contact: Uri, request: Message, source: Flow) -> Reach:
    """How to reach ``contact`` of ``request``, which came from ``source``.

    A contact that names another device than the sender (a third-party registration) is taken at its word, unless its address
    can't be meant for us: private while the sender's isn't the same.
    """
    host, port = source.remote
    default_port = DEFAULT_PORTS.get(source.listener.transport, 5060)
    contact_port = contact.port or default_port
    if contact.host == host and contact_port == port:  # whatever Via says: it is there
        return _CONNECTION if source.reliable else _DIRECT
    if contact.host.endswith(".invalid"):  # RFC 7118 section 5.2: browsers don't know their address
        return _FLOW_ONLY
    via = request.via
    via_port = via.port or default_port
    names_sender = contact_port == via_port and _same_host(contact.host, via.host)
    if names_sender and (not _same_host(via.host, host) or (not source.reliable and via.has_rport and via_port != port)):
        return _FLOW_ONLY
    if contact.host != host and _unreachable(contact, host):
        return _FLOW_ONLY
    if source.reliable and (names_sender or (_same_host(contact.host, host) and contact_port == port)):
        unverifiable = contact_port != port and source.listener.transport in VERIFIED_TRANSPORTS
        return _FLOW_ONLY if unverifiable else _CONNECTION
    return _DIRECT


def _same_host(one: str, other: str) -> bool:
    return one == other or (":" in one and ":" in other and _canonical(one) == _canonical(other))


def _unreachable(contact: Uri, source_host: str) -> bool:
    """An address of a private range, or of the sender's own machine, that isn't where the request came from."""
    if not contact.host_is_ip or _same_host(contact.host, source_host):
        return False
    scope = _scope(contact.host)
    return scope == "private" or (scope == "loopback" and _scope(source_host) != "loopback")


@lru_cache(maxsize=4096)
def _scope(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return "name"
    if address.is_loopback:
        return "loopback"
    return "global" if address.is_global else "private"


@lru_cache(maxsize=4096)
def _canonical(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host
