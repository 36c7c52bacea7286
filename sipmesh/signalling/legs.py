"""The sides of a call and its dialogs, as its record has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Message, ParseError
from sipmesh.store import CallLeg, CallRecord

if TYPE_CHECKING:
    from sipcore.proxy.context import Branch
    from sipcore.proxy.core import InboundRequest

CALLER, CALLEE = 0, 1
MAX_ROUTE_SET = 16  # Record-Route values kept of one side
MAX_FORKS = 16  # dialogs kept of a call besides the first


def belongs(record: CallRecord, from_tag: str | None, to_tag: str | None) -> bool:
    """Whether a request within a dialog, with these tags, is of the one the call made, or of an early one."""
    answered = record.to_tag
    if not answered:
        return True
    if to_tag == answered:
        return from_tag == record.from_tag
    return from_tag == answered and to_tag == record.from_tag


def legs_of(record: CallRecord, request: Message) -> tuple[CallLeg, CallLeg] | None:
    """Sender and receiver of a request within one of the call's dialogs, by its tags; None when they are of none."""
    tags = (request.from_tag or "", request.to_tag or "")
    caller = record.legs[CALLER]
    for callee in (record.legs[CALLEE], *record.forks):
        if not callee.tag:  # nobody answered yet
            continue
        if tags == (caller.tag, callee.tag):
            return caller, callee
        if tags == (callee.tag, caller.tag):
            return callee, caller
    return None


def keep_fork(record: CallRecord, leg: CallLeg) -> bool:
    """Whether ``leg`` is new among the call's other dialogs, of which so many are kept."""
    if not leg.tag or len(record.forks) >= MAX_FORKS or any(each.tag == leg.tag for each in record.forks):
        return False
    record.forks.append(leg)
    return True


def caller_of(request: InboundRequest) -> CallLeg:
    """The caller of the dialog that ``request`` asks for."""
    message, flow = request.message, request.flow
    host, port = flow.remote
    return CallLeg(
        tag=message.from_tag or "",
        remote_target=message.contact_uri_text,
        route_set=tuple(message.values("Record-Route")[:MAX_ROUTE_SET]),
        listener=flow.listener.index,
        remote_host=host,
        remote_port=port,
        connection_id=flow.connection_id,
        natted=request.natted,
    )


def callee_of(record: CallRecord, branch: Branch, response: Message) -> CallLeg:
    """The callee of the dialog that ``response`` makes; of one that can't be read, what the branch knows of it: the response is
    the caller's to judge, and passes."""
    try:
        tag, target, routes = response.to_tag or "", response.contact_uri_text, response.values("Record-Route")
    except ParseError:
        tag, target, routes = "", "", []
    caller = record.legs[CALLER]
    flow = branch.flow
    listener = flow.listener.index
    host, port = flow.remote
    return CallLeg(
        tag=tag,
        remote_target=target,
        route_set=_beyond_us(caller, listener, routes) if len(routes) > 1 else (),
        cseq=record.legs[CALLEE].cseq,
        listener=listener,
        remote_host=host,
        remote_port=port,
        connection_id=flow.connection_id,
        natted=branch.target.natted,
    )


def _beyond_us(caller: CallLeg, listener: int, routes: list[str]) -> tuple[str, ...]:
    """Of the Record-Route values of a response those of the proxies between us and the callee, nearest first."""
    ours = 1 if listener == caller.listener else 2
    count = len(routes) - len(caller.route_set) - ours
    return tuple(reversed(routes[: min(count, MAX_ROUTE_SET)])) if count > 0 else ()
