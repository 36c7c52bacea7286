"""The record of a call, from its INVITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmesh.addresses import join_host_port
from sipmesh.signalling.legs import MAX_ROUTE_SET, contact_of
from sipmesh.signalling.media_security import PASSES, Legs
from sipmesh.store import CallLeg, CallRecord, Names

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest

MAX_TEXT_CHARS = 512  # of an address kept for show


def begun_by(
    request: InboundRequest,
    started_at: float,
    caller: str,
    callee: str,
    trunk_in: str,
    trunk_out: str,
    *,
    relayed: bool = False,
    destination: str = "",
    route: str = "",
    srtp: Legs = PASSES,
    names: Names | None = None,
) -> CallRecord:
    """Of a call that is about to be proxied; ``relayed``: its media is."""
    message = request.message
    flow = request.flow
    host, port = request.source
    leg = CallLeg(
        tag=message.from_tag or "",
        remote_target=contact_of(message),
        route_set=tuple(message.values("Record-Route")[:MAX_ROUTE_SET]),
        listener=flow.listener.index,
        remote_host=host,
        remote_port=port,
        connection_id=flow.connection_id,
        natted=request.natted,
    )
    return CallRecord(
        call_id=message.call_id,
        from_tag=message.from_tag or "",
        caller=caller[:MAX_TEXT_CHARS],
        callee=callee[:MAX_TEXT_CHARS],
        source=join_host_port(host, port),
        trunk_in=trunk_in,
        trunk_out=trunk_out,
        started_at=started_at,
        legs=[leg, CallLeg(cseq=message.cseq)],
        ng_call_id=message.call_id if relayed else "",
        destination=destination[:MAX_TEXT_CHARS],
        route=route,
        srtp=srtp,
        names=names,
    )


def refused_to(request: InboundRequest, started_at: float, caller: str, callee: str, trunk_in: str) -> CallRecord:
    """Of a call that leads nowhere, for its CDR."""
    return CallRecord(
        call_id=request.message.call_id,
        caller=caller[:MAX_TEXT_CHARS],
        callee=callee[:MAX_TEXT_CHARS],
        source=join_host_port(*request.source),
        trunk_in=trunk_in,
        started_at=started_at,
    )
