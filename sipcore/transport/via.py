"""What the top Via of a request says about where its response goes."""

from ipaddress import ip_address

from native.sip import Address, Message, Via
from sipcore.flow import Flow

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}


def reply_address(message: Message, flow: Flow) -> Address:
    """Where the response to a stamped request goes when no open connection leads there (RFC 3261 section 18.2.2).

    ``message`` is the request or a response to it: both have the same top Via. ``flow`` is what the request came over.
    """
    via = message.via
    if not flow.reliable:
        if via.rport is not None:
            return flow.remote  # RFC 3581 section 4
        maddr = _same_family_unicast(via, flow)
        if maddr is not None:
            return maddr, via.port or DEFAULT_PORTS["udp"]
    return flow.remote[0], via.port or DEFAULT_PORTS[flow.listener.transport]


def _same_family_unicast(via: Via, flow: Flow) -> str | None:
    """The numeric maddr we can and want to answer to; a name or a group is not served."""
    if via.maddr is None:
        return None
    try:
        address = ip_address(via.maddr.strip("[]"))
    except ValueError:
        return None
    if address.is_multicast or address.version != ip_address(flow.remote[0].partition("%")[0]).version:
        return None
    return str(address)
