"""Requests as the hooks of a policy see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmesh.policy.views import Actions, Registration, Request
from sipmesh.signalling.authorize import Caller

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest


def view_of(request: InboundRequest, caller: Caller, user: str, domain: str) -> Request:
    """``user`` and ``domain`` of the Request-URI."""
    message = request.message
    host, port = request.source
    return Request(
        method=message.method,
        uri=message.request_uri_text,
        called=user,
        domain=domain,
        caller=caller.aor,
        trunk=caller.trunk.name if caller.trunk is not None else "",
        from_uri=message.from_.uri.text,
        call_id=message.call_id,
        source=host,
        source_port=port,
        transport=request.listener.transport,
        _message=message,
    )


def registration_of(request: InboundRequest, aor: str, actions: Actions) -> Registration:
    message = request.message
    host, port = request.source
    expires = message.get("Expires") or ""
    return Registration(
        aor=aor,
        contacts=tuple("*" if each.is_star else each.uri.text for each in message.contacts),
        expires_s=int(expires) if expires.isascii() and expires.isdigit() else None,
        source=host,
        source_port=port,
        transport=request.listener.transport,
        user_agent=message.get("User-Agent") or "",
        _message=message,
        _actions=actions,
    )
