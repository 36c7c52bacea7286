"""The record of a call, from its INVITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmesh.addresses import join_host_port
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.legs import caller_of
from sipmesh.signalling.media_security import PASSES, Legs
from sipmesh.signalling.routing_table import Hop
from sipmesh.store import CallLeg, CallRecord, Names

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest

MAX_TEXT_CHARS = 512  # of an address kept for show


def begun_by(
    request: InboundRequest,
    caller: Caller,
    hop: Hop,
    started_at: float,
    *,
    relayed: bool = False,
    srtp: Legs = PASSES,
    names: Names | None = None,
) -> CallRecord:
    """Of a call that is about to be proxied; ``relayed``: its media is."""
    message = request.message
    call_id = message.call_id
    host, port = request.flow.remote
    leg = caller_of(request)
    called = message.request_uri.aor
    return CallRecord(
        call_id=call_id,
        from_tag=leg.tag,
        caller=(caller.aor or message.from_.uri.aor)[:MAX_TEXT_CHARS],
        callee=called[:MAX_TEXT_CHARS],
        source=join_host_port(host, port),
        trunk_in="" if caller.trunk is None else caller.trunk.name,
        trunk_out=hop.trunk,
        started_at=started_at,
        legs=[leg, CallLeg(cseq=message.cseq)],
        ng_call_id=call_id if relayed else "",
        destination=(hop.aor or hop.number or (called if hop.route != "policy" else hop.uris[0]))[:MAX_TEXT_CHARS],
        route=hop.route,
        srtp=srtp,
        names=names,
    )


def refused_to(request: InboundRequest, caller: Caller, started_at: float) -> CallRecord:
    """Of a call that leads nowhere, for its CDR."""
    message = request.message
    return CallRecord(
        call_id=message.call_id,
        caller=(caller.aor or message.from_.uri.aor)[:MAX_TEXT_CHARS],
        callee=message.request_uri.aor[:MAX_TEXT_CHARS],
        source=join_host_port(*request.flow.remote),
        trunk_in="" if caller.trunk is None else caller.trunk.name,
        started_at=started_at,
    )
