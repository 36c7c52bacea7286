"""Request validation (RFC 3261 section 16.3, RFC 5393 section 5.3.3)."""

from __future__ import annotations

from native.sip import Message
from sipcore.errors import PeerError

SCHEMES = frozenset({"sip", "sips", "tel"})


def check_request(request: Message, supported: frozenset[str]) -> None:
    """Raises ParseError for syntax and PeerError for the rest, each with the answer; loops are ``loop.has_looped``."""
    request.check()
    if request.request_uri.scheme not in SCHEMES:
        raise PeerError(416, "Unsupported URI Scheme")
    if request.max_forwards == 0:
        raise PeerError(483, "Too Many Hops")
    if request.has("Proxy-Require"):
        unknown = [tag for tag in request.values("Proxy-Require") if tag.lower() not in supported]
        if unknown:
            raise PeerError(420, "Bad Extension", (("Unsupported", ", ".join(unknown)),))


def breadth_allowed(request: Message, maximum: int) -> int:
    """How many branches may be open at once: the Max-Breadth received, ``maximum`` when absent or above it."""
    text = request.get("Max-Breadth")
    if text is None:
        return maximum
    if not (text.isascii() and text.isdecimal()) or len(text) > len("4294967295"):
        raise PeerError(400, "Bad Max-Breadth")
    return min(int(text), maximum)
