"""The trunks that calls go over: how many each carries, whose word about callers counts, and what of the calls we change."""

from __future__ import annotations

from collections.abc import Iterable

from native.sip import CallTrunksBase, Message
from sipmesh.signalling.legs import CALLEE, CALLER
from sipmesh.signalling.privacy import filter_identity
from sipmesh.signalling.subscriptions import Subscription, Subscriptions
from sipmesh.signalling.trunks import TrunkState
from sipmesh.store import CallRecord


class CallTrunks(CallTrunksBase):
    """``trunks``: all of them by name, in a dict that stays the same when they are replaced. The base counts each call with its
    trunks, from ``begun`` to ``ended``."""

    __slots__ = ("credentials", "subscriptions")

    _by_name: dict[str, TrunkState]
    edited: set[str]  # keys of calls whose messages we change

    def __init__(self, trunks: dict[str, TrunkState]) -> None:
        super().__init__(trunks)
        self.credentials: dict[tuple[str, int], list[tuple[str, str]]] = {}  # of the last INVITE of a side, by key of the call
        self.subscriptions = Subscriptions()

    def count_anew(self, records: Iterable[CallRecord]) -> None:
        """Trunks were replaced by others, or are there again: how many of the calls go over each."""
        for trunk in self._by_name.values():
            trunk.calls = 0
        for record in records:
            for side in (CALLER, CALLEE):
                over = self.towards(record, side)
                if over is not None:
                    over.calls += 1

    def towards(self, record: CallRecord | Subscription, side: int) -> TrunkState | None:
        """The trunk that ``side`` is behind."""
        name = record.trunk_out if side == CALLEE else record.trunk_in
        return self._by_name.get(name) if name else None

    def filter_identity(self, record: CallRecord | None, message: Message, sender: int) -> None:
        """Of a message within the call that ``sender`` sends: who is believed, and who is told, who it is (RFC 3325)."""
        by = None if record is None else self.towards(record, sender)
        to = None if record is None else self.towards(record, 1 - sender)
        believed, trusted = (trunk is not None and trunk.config.trusted for trunk in (by, to))
        filter_identity(message, believed=believed, trusted=trusted, user=to is None)

    def forget(self, key: str) -> None:
        """A call whose messages we changed has ended."""
        for side in (CALLER, CALLEE):
            self.credentials.pop((key, side), None)
