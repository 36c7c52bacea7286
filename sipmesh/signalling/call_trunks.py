"""The trunks that calls go over: how many each carries, whose word about callers counts, and what of the calls we change."""

from __future__ import annotations

from collections.abc import Callable

from native.sip import Message
from sipmesh.signalling.legs import CALLEE, CALLER
from sipmesh.signalling.privacy import filter_identity
from sipmesh.signalling.subscriptions import Subscription, Subscriptions
from sipmesh.signalling.trunks import TrunkState
from sipmesh.store import CallRecord

TrunkOf = Callable[[str], TrunkState | None]


class CallTrunks:
    """``trunk_of`` finds a trunk by its name."""

    __slots__ = ("_trunk_of", "credentials", "edited", "subscriptions")

    def __init__(self, trunk_of: TrunkOf) -> None:
        self._trunk_of = trunk_of
        self.credentials: dict[tuple[str, int], list[tuple[str, str]]] = {}  # of the last INVITE of a side, by key of the call
        self.edited: set[str] = set()  # keys of calls whose messages we change
        self.subscriptions = Subscriptions()

    def towards(self, record: CallRecord | Subscription, side: int) -> TrunkState | None:
        """The trunk that ``side`` is behind."""
        name = record.trunk_out if side == CALLEE else record.trunk_in
        return self._trunk_of(name) if name else None

    def filter_identity(self, record: CallRecord | None, message: Message, sender: int) -> None:
        """Of a message within the call that ``sender`` sends: who is believed, and who is told, who it is (RFC 3325)."""
        by = None if record is None else self.towards(record, sender)
        to = None if record is None else self.towards(record, 1 - sender)
        believed, trusted = (trunk is not None and trunk.config.trusted for trunk in (by, to))
        filter_identity(message, believed=believed, trusted=trusted, user=to is None)

    def begun(self, key: str, record: CallRecord) -> None:
        self._count(record, 1)
        trunks = [self.towards(record, side) for side in (CALLER, CALLEE)]
        if record.disguised or any(record.shifts) or any(trunk is not None and trunk.edits for trunk in trunks):
            self.edited.add(key)

    def ended(self, key: str, record: CallRecord) -> None:
        self._count(record, -1)
        if key in self.edited:
            self.edited.discard(key)
            for side in (CALLER, CALLEE):
                self.credentials.pop((key, side), None)

    def _count(self, record: CallRecord, step: int) -> None:
        for name in (record.trunk_in, record.trunk_out):
            trunk = self._trunk_of(name) if name else None
            if trunk is not None:
                trunk.count_call(step)
