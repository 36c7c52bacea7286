"""Request forwarding (RFC 3261 section 16.6): what changes between the request received and the one that leaves."""

from __future__ import annotations

from functools import lru_cache

from native.sip import Message, ParseError, Uri
from sipcore.flow import Listener
from sipcore.proxy.routing import COOKIE_PARAM

# RFC 3261 section 16.6 item 4: methods that neither make a dialog nor could without our knowing
NO_DIALOG = frozenset({"REGISTER", "OPTIONS", "MESSAGE", "PUBLISH", "INFO", "BYE", "PRACK", "UPDATE", "ACK", "CANCEL"})


def prepare(request: Message, uri: str, max_forwards: int, breadth: int) -> Message:
    """A copy with Request-URI, Max-Forwards and Max-Breadth set (items 1 to 3; RFC 5393 section 5.3.3)."""
    copy = request.copy()
    if uri != request.request_uri_text:
        copy.set_request_uri(request_uri(uri))
    count_hop(copy, max_forwards, breadth)
    return copy


def count_hop(message: Message, max_forwards: int, breadth: int) -> None:
    """Max-Forwards one less, or ``max_forwards`` when absent; Max-Breadth as given."""
    left = message.max_forwards
    message.set("Max-Forwards", str(max_forwards if left is None else left - 1))
    message.set("Max-Breadth", str(breadth))


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
    """Items 6 and 7: the URI to resolve; rewrites ``message`` when the next hop is a strict router."""
    target = message.request_uri
    if not message.has("Route"):
        return target
    routes = message.routes
    if not routes:
        return target
    hop = routes[0].uri
    if not hop.lr:
        message.append_route(f"<{message.request_uri_text}>")
        message.pop_route()
        message.set_request_uri(request_uri(hop.text))
    if target.scheme == "sips" and hop.scheme == "sip":
        return Uri("sips" + hop.text[len("sip") :])
    return hop


@lru_cache(maxsize=256)
def via_start(listener: Listener) -> str:
    """Our Via up to the branch (item 8), ``rport`` included (RFC 3581 section 3)."""
    return f"SIP/2.0/{listener.transport.upper()} {listener.sent_by};rport;branch="


@lru_cache(maxsize=256)
def record_route_start(listener: Listener, scheme: str) -> str:
    """Our Record-Route up to the cookie (item 4)."""
    transport = "" if listener.transport == "udp" or scheme == "sips" else f";transport={listener.transport}"
    return f"<{scheme}:{listener.sent_by}{transport};lr;{COOKIE_PARAM}="


def push_record_routes(message: Message, cookie: str, near: Listener, far: Listener) -> None:
    """One entry, or two when the request leaves by another listener than it came by: each side gets the one it can reach."""
    scheme = record_route_scheme(message)
    message.push_record_route(f"{record_route_start(near, scheme)}{cookie}>")
    if far.index != near.index:
        message.push_record_route(f"{record_route_start(far, scheme)}{cookie}>")


def record_route_scheme(message: Message) -> str:
    """``sips`` when the Request-URI or the topmost Route is (item 4)."""
    if message.request_uri_text[:5].lower() == "sips:":
        return "sips"
    if not message.has("Route"):
        return "sip"
    try:
        return "sips" if message.routes[0].uri.scheme == "sips" else "sip"
    except (ParseError, IndexError):
        return "sip"
