"""The sides of a call and its dialogs, as its record has them."""

from __future__ import annotations

from sipmesh.store import CallLeg, CallRecord

CALLER, CALLEE = 0, 1
MAX_FORKS = 16  # dialogs kept of a call besides the first


def keep_fork(record: CallRecord, leg: CallLeg) -> bool:
    """Whether ``leg`` is new among the call's other dialogs, of which so many are kept."""
    if not leg.tag or len(record.forks) >= MAX_FORKS or any(each.tag == leg.tag for each in record.forks):
        return False
    record.forks.append(leg)
    return True
