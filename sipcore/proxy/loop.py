"""Loops told from spirals (RFC 3261 section 16.3 item 4, RFC 5393 section 4.2)."""

from __future__ import annotations

from native.sip import Message, ParseError, Via, crc_slot
from sipcore.flow import FlowTable


def way_received(request: Message) -> str:
    """Request-URI and Route as received; to be called before either is edited."""
    return (
        f"{request.request_uri_text} {' '.join(request.get_all('Route'))}" if request.has("Route") else request.request_uri_text
    )


def loop_hash(request: Message, way: str) -> str:
    """Hash of everything received that decides where a request goes; ``way`` is from ``way_received``.

    Call-ID and CSeq are in it so that a collision doesn't strike the next attempt again (RFC 5393 section 4.2.4).
    """
    text = f"{way} {request.call_id} {request.cseq} {request.from_tag} {request.to_tag}"
    for name in ("Proxy-Require", "Proxy-Authorization"):
        if request.has(name):
            text = f"{text}\n{' '.join(request.get_all(name))}"
    return str(crc_slot(text))


def has_looped(request: Message, flows: FlowTable, prefix: str, loop: str) -> bool:
    """Whether a Via of ours in ``request`` carries the same hash: nothing that matters changed since it was here."""
    if request.via_count == 1 and not (request.via.branch or "").startswith(prefix):
        return False
    suffix = f".{loop}"
    for text in request.values("Via"):
        if prefix not in text or suffix not in text:
            continue
        try:
            via = Via(text)
        except ParseError:  # another element's Via is none of our business (RFC 5393 section 4.2.4)
            continue
        branch = via.branch or ""
        if branch.startswith(prefix) and branch.endswith(suffix) and flows.is_local(via.host, via.port, via.transport.lower()):
            return True
    return False
