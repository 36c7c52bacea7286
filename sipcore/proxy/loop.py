"""Loops told from spirals (RFC 3261 section 16.3 item 4, RFC 5393 section 4.2)."""

from __future__ import annotations

from native.sip import Message, ParseError, Via
from sipcore.flow import FlowTable


def has_looped(request: Message, flows: FlowTable, prefix: str, loop: str) -> bool:
    """Whether a Via of ours in ``request`` carries the same hash ``loop``: nothing that matters changed since it was here."""
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
