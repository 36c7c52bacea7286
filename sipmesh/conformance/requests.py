"""Requests made out of other messages."""

from __future__ import annotations

import secrets

from sipmesh.conformance.message import Message


def new_branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"


def ack_failure(invite: Message, response: Message) -> Message:
    """RFC 3261 section 17.1.1.3."""
    return hop_request("ACK", invite, response["To"])


def cancel(invite: Message) -> Message:
    """RFC 3261 section 9.1."""
    return hop_request("CANCEL", invite, invite["To"])


def hop_request(method: str, invite: Message, to: str) -> Message:
    routes = [("Route", value) for value in invite.all("Route")]
    head = [("Via", invite["Via"]), *routes, ("Max-Forwards", "70"), ("From", invite["From"]), ("To", to)]
    return Message(
        f"{method} {invite.uri} SIP/2.0", [*head, ("Call-ID", invite["Call-ID"]), ("CSeq", f"{invite.cseq[0]} {method}")]
    )
