"""Response contexts: the branches of one request and the responses that come back (RFC 3261 section 16.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Message
from sipcore.flow import Flow
from sipcore.ports import Target

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest


class ResponseContext:
    """One proxied request: its targets, its branches, its outcome."""

    request: InboundRequest
    call_key: str
    branches: list[Branch]  # in the order they were started
    status: int  # final response sent upstream, 0 before
    cancelled: bool  # by the caller


class Branch:
    """One attempt at one destination of one target: one client transaction, one Via branch.

    A target that fails over to its next destination goes on as a new Branch.
    """

    context: ResponseContext
    target: Target
    index: int  # in ``context.branches``
    via_branch: str  # branch parameter of our Via: unique, and the same if another process computes it again
    request: Message  # as it leaves, Via and Record-Route included
    flow: Flow  # it leaves over
    status: int  # final status (408 timeout, 503 transport error, 487 cancelled), 0 before
