"""Request forwarding (RFC 3261 section 16.6): what changes between the request received and the one that leaves."""

from __future__ import annotations

from collections.abc import Iterable

from native.sip import Message, Uri
from sipcore.flow import Listener
from sipcore.proxy.routing import COOKIE_PARAM

# RFC 3261 section 16.6 item 4: methods that neither make a dialog nor could without our knowing
NO_DIALOG = frozenset({"REGISTER", "OPTIONS", "MESSAGE", "PUBLISH", "INFO", "BYE", "PRACK", "UPDATE", "ACK", "CANCEL"})


def request_uri(uri: str) -> str:
    """``uri`` without what a Request-URI may not have: headers and the method parameter (RFC 3261 section 19.1.1)."""
    uri = uri.partition("?")[0]
    if ";method=" in uri.lower():
        return Uri(uri).without_params("method").text
    return uri


def push_routes(message: Message, routes: tuple[str, ...]) -> None:
    """Item 6, first part: ``routes`` ahead of the existing ones, in their order."""
    for route in reversed(routes):
        message.push_route(route if route.endswith(">") or "<" in route else f"<{route}>")


def next_hop(message: Message) -> Uri:
    """Items 6 and 7 for a request with Route: the URI to resolve; rewrites it when the next hop is a strict router."""
    target = message.request_uri
    routes = message.routes
    if not routes:
        return target
    hop = routes[0].uri
    if not hop.lr:
        message.append_route(f"<{message.request_uri_text}>")
        message.pop_route()
        message.set_request_uri(request_uri(hop.text))
    return secured(hop) if target.scheme == "sips" else hop


def secured(hop: Uri) -> Uri:
    """``hop`` as a sips URI: it is resolved to what TLS reaches."""
    return Uri("sips" + hop.text[len("sip") :]) if hop.scheme == "sip" else hop


class OwnNames:
    """What our Via and Record-Route say of each listener, up to the part that differs per request; by listener index."""

    __slots__ = ("record_route", "record_route_sips", "via")

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self.via = {listener.index: via_start(listener) for listener in listeners}
        self.record_route = {listener.index: record_route_start(listener, "sip") for listener in listeners}
        self.record_route_sips = {listener.index: record_route_start(listener, "sips") for listener in listeners}

    def record_routes(self, message: Message, cookie: str, near: int, far: int) -> tuple[str, ...]:
        """RFC 3261 section 16.6 item 4: one entry, or two when the request leaves by another listener than it came by, so that
        each side gets the one it can reach. The last one goes on top."""
        starts = self.record_route_sips if leads_to_sips(message) else self.record_route
        if far == near:
            return (f"{starts[near]}{cookie}>",)
        return f"{starts[near]}{cookie}>", f"{starts[far]}{cookie}>"


def via_start(listener: Listener) -> str:
    """Our Via up to the branch (item 8), with ``rport`` (RFC 3581 section 3) and over TLS ``alias``: whoever can verify us may
    answer over the same connection (RFC 5923 section 8.1)."""
    alias = ";alias" if listener.transport == "tls" else ""
    return f"SIP/2.0/{listener.transport.upper()} {listener.sent_by};rport{alias};branch="


def record_route_start(listener: Listener, scheme: str) -> str:
    transport = "" if listener.transport == "udp" or scheme == "sips" else f";transport={listener.transport}"
    return f"<{scheme}:{listener.sent_by}{transport};lr;{COOKIE_PARAM}="


def leads_to_sips(message: Message) -> bool:
    """Whether the Request-URI or the topmost Route is a SIPS URI (item 4)."""
    return message.is_sips or (message.has_route and message.routes[0].uri.scheme == "sips")
