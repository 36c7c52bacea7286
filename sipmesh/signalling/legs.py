"""The sides of a call and its dialogs, as its record has them."""

from __future__ import annotations

from native.sip import Message
from sipmesh.store import CallLeg, CallRecord

CALLER, CALLEE = 0, 1
MAX_FORKS = 16  # dialogs kept of a call besides the first


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
