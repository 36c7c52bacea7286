"""Subscriptions that go over trunks (RFC 6665): which trunk each side is behind, and what of their messages we change.

Kept by the worker that has their Call-ID and no longer than it lives: what refreshes one that is forgotten is refused, and its
subscriber subscribes anew (RFC 6665 section 4.1.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from native.sip import Message
from sipmesh.signalling.cseq_shift import with_shift
from sipmesh.signalling.rates import Recent
from sipmesh.store import Names
from sipmesh.store.records import Shifts

ENDED = "terminated"


@dataclass(slots=True)
class Subscription:
    """``trunk_in`` is that of the subscriber's side; ``shifts`` as in the record of a call, the subscriber's first."""

    trunk_in: str
    trunk_out: str
    names: Names | None
    shifts: tuple[Shifts, Shifts] = ((), ())

    def sent_as(self, side: int, cseq: int, sent: int) -> None:
        """A request that ``side`` gave the number ``cseq`` leaves with ``sent``."""
        shifts = list(self.shifts)
        shifts[side] = with_shift(shifts[side], cseq, sent - cseq)
        self.shifts = (shifts[0], shifts[1])


class Subscriptions:
    """By the key that our Record-Route carries."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Recent[str, Subscription] = Recent()

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, key: str, subscription: Subscription) -> None:
        self._known.put(key, subscription)

    def get(self, key: str) -> Subscription | None:
        return self._known.get(key)

    def of(self, request: Message, key: str) -> Subscription | None:
        """That of a SUBSCRIBE or NOTIFY within a dialog; a NOTIFY may be its last word (RFC 6665 section 4.1.3)."""
        if request.method not in ("SUBSCRIBE", "NOTIFY"):
            return None
        found = self._known.get(key)
        state = request.get("Subscription-State") if found is not None else None
        if state is not None and state.partition(";")[0].strip().lower() == ENDED:
            self._known.drop(key)
        return found
