"""When requests come faster than they are handled: which of them wait, which are served, and which are refused.

Only what would begin something new waits here; all else belongs to what was let in. A queue that stands and gets no shorter
tells overload from a burst, be it that many came at once or that the process did not run for a while: a burst is worked off
and its requests may wait almost as long as their senders do before they repeat them. In overload the queue never gets empty;
then waiting would only delay everybody, so it gets no longer than what is served in a short while, and what finds no room is
refused at once, while those who wait already are served. The share refused is then what there is too much. To look at the
shortest wait of an interval is CoDel's idea (RFC 8289 section 3).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from sipcore.overload_signs import PATIENCE_S, Signs

Entry = TypeVar("Entry")


class Backlog(Generic[Entry]):
    """Requests by transaction key, in the order they came; those that go on with something, as one with credentials does with
    the one that was challenged, before the others. ``now`` never goes back. ``ran`` says how long the process has run so far:
    what is served in it is what may wait in overload, since a pause is no work that lies ahead."""

    __slots__ = ("queues", "ran", "signs")

    def __init__(self, ran: Callable[[], float]) -> None:
        self.queues: tuple[OrderedDict[str, tuple[Entry, float]], ...] = (OrderedDict(), OrderedDict())
        self.ran = ran
        self.signs = Signs()

    def __len__(self) -> int:
        return len(self.queues[0]) + len(self.queues[1])

    def __contains__(self, key: object) -> bool:
        return key in self.queues[0] or key in self.queues[1]

    @property
    def busy(self) -> bool:
        """Whether it is overload."""
        return self.signs.busy

    def is_busy(self, now: float) -> bool:
        """``busy``, which ends here when it is over."""
        self._turn(now)
        return self.signs.busy

    def share(self, now: float) -> float:
        """How much of what waited was refused lately, 0 to 1."""
        self._turn(now)
        return self.signs.share

    def room(self, now: float) -> int:
        """How many more may wait of those that go on with nothing."""
        return max(0, self._limit(now) - len(self.queues[1]))

    def put(self, key: str, entry: Entry, now: float, *, goes_on: bool) -> bool:
        """False when there is no room, even to wait: to be refused by the caller."""
        queue = self.queues[0 if goes_on else 1]
        if len(queue) >= self._limit(now):
            self.refused(1, now)
            return False
        queue[key] = (entry, now)
        return True

    def refused(self, count: int, now: float) -> None:
        """So many found no room, whoever saw that."""
        self._turn(now)
        self.signs.refused += count

    def drop(self, key: str) -> Entry | None:
        """Takes out what waits by that key."""
        for queue in self.queues:
            if key in queue:
                return queue.pop(key)[0]
        return None

    def late(self, now: float) -> Iterator[Entry]:
        """Takes out those that waited for too long: they are to be refused."""
        for queue in self.queues:
            while queue:
                key = next(iter(queue))
                entry, since = queue[key]
                if now - since <= PATIENCE_S:
                    break
                del queue[key]
                self.refused(1, now)
                yield entry

    def next(self, now: float) -> Entry | None:
        """Takes out the one to be served next; None when nothing waits."""
        for queue in self.queues:
            if queue:
                entry, since = queue.popitem(last=False)[1]
                self._turn(now)
                self.signs.serve(now - since)
                return entry
        return None

    def _limit(self, now: float) -> int:
        self._turn(now)
        return self.signs.limit

    def _turn(self, now: float) -> None:
        if now >= self.signs.end:
            self.signs.turn(now, self.ran())
