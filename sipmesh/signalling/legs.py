"""The sides of a call and its dialogs, as its record has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Message
from sipmesh.store import CallLeg, CallRecord

if TYPE_CHECKING:
    from sipcore.proxy.context import Branch

CALLER, CALLEE = 0, 1
MAX_ROUTE_SET = 16  # Record-Route values kept of one side
MAX_FORKS = 16  # dialogs kept of a call besides the first


def belongs(record: CallRecord, request: Message) -> bool:
    """Whether a request within a dialog is of the one the call made, or of an early one."""
    if not record.to_tag:
        return True
    tags, ours = (request.from_tag, request.to_tag), (record.from_tag, record.to_tag)
    return tags in (ours, ours[::-1])


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


def callee_of(record: CallRecord, branch: Branch, response: Message) -> CallLeg:
    """The callee of the dialog that ``response`` makes."""
    flow = branch.flow
    caller = record.legs[CALLER]
    routes = response.values("Record-Route")
    ours = 1 if flow.listener.index == caller.listener else 2
    beyond_us = routes[: max(0, len(routes) - len(caller.route_set) - ours)][:MAX_ROUTE_SET]
    return CallLeg(
        tag=response.to_tag or "",
        remote_target=contact_of(response),
        route_set=tuple(reversed(beyond_us)),
        cseq=record.legs[CALLEE].cseq,
        listener=flow.listener.index,
        remote_host=flow.remote[0],
        remote_port=flow.remote[1],
        connection_id=flow.connection_id,
        natted=branch.target.natted,
    )


def contact_of(message: Message) -> str:
    contacts = message.contacts
    if not contacts or contacts[0].is_star:
        return ""
    return contacts[0].uri.text
