"""Request validation (RFC 3261 section 16.3, RFC 5393 section 5.3.3)."""

from __future__ import annotations

from native.sip import LAST_HOP, OTHER_SCHEME, Message
from sipcore.errors import PeerError


def apply_rules(request: Message, traits: int, supported: frozenset[str]) -> None:
    """RFC 3261 section 16.3 items 2, 3 and 5, for a request whose ``traits`` say that one of them has something to look at.
    Raises PeerError with the answer."""
    if traits & OTHER_SCHEME:
        raise PeerError(416, "Unsupported URI Scheme")
    if traits & LAST_HOP:
        raise PeerError(483, "Too Many Hops")
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
