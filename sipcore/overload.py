"""When requests come faster than they are handled: which of them wait, which are served, and which are refused.

Only what would begin something new waits here; all else belongs to what was let in. How long the queue has been standing
tells overload from a burst, as in CoDel (RFC 8289): a burst is worked off, and its requests may wait almost as long as their
senders do before they repeat them. In overload the queue never gets empty; then waiting would only delay everybody, so it gets
no longer than what is served in a short while, and what finds no room is refused at once. The share refused is then what there
is too much.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

PATIENCE_S = 0.4  # in a burst: less than T1 (RFC 3261 section 17.1.1.1), so that nobody has repeated it by then
BUSY_PATIENCE_S = 0.025  # in overload
STANDING_S = 0.01  # a shorter wait is no sign of anything
BUSY_AFTER_S = 0.1  # longer waits for so long, without a pause, are overload
CALM_AFTER_S = 1.0  # none for so long is its end
WINDOW_S = 0.5  # over which the share refused and the number served are taken
MAX_WAITING = 4096  # in each queue
MIN_WAITING = 8  # may wait in overload, however slow we are

Entry = TypeVar("Entry")


class Backlog(Generic[Entry]):
    """Requests by transaction key, in the order they came; those that go on with something, as one with credentials does with
    the one that was challenged, before the others. ``now`` never goes back."""

    __slots__ = ("_limit", "_long_wait_at", "_refused", "_served", "_share", "_standing_since", "_window_end", "busy", "queues")

    def __init__(self) -> None:
        self.busy = False  # whether it is overload
        self.queues: tuple[OrderedDict[str, tuple[Entry, float]], ...] = (OrderedDict(), OrderedDict())
        self._limit = MIN_WAITING  # of each queue in overload
        self._standing_since: float | None = None  # waits have been long
        self._long_wait_at = 0.0  # the last one
        self._window_end = 0.0
        self._served = 0  # in this window
        self._refused = 0
        self._share = 0.0  # of the window before

    def __len__(self) -> int:
        return len(self.queues[0]) + len(self.queues[1])

    def __contains__(self, key: object) -> bool:
        return key in self.queues[0] or key in self.queues[1]

    def share(self, now: float) -> float:
        """How much of what waited was refused lately, 0 to 1."""
        self._turn_window(now)
        return self._share

    def room(self, now: float) -> int:
        """How many more may wait of those that go on with nothing."""
        return max(0, self._limit_at(now) - len(self.queues[1]))

    def put(self, key: str, entry: Entry, now: float, *, goes_on: bool) -> bool:
        """False when there is no room, even to wait: to be refused by the caller."""
        queue = self.queues[0 if goes_on else 1]
        if len(queue) >= self._limit_at(now):
            self.refused(1, now)
            return False
        queue[key] = (entry, now)
        return True

    def refused(self, count: int, now: float) -> None:
        """So many found no room, whoever saw that."""
        self._turn_window(now)
        self._refused += count

    def drop(self, key: str) -> Entry | None:
        """Takes out what waits by that key."""
        for queue in self.queues:
            if key in queue:
                return queue.pop(key)[0]
        return None

    def late(self, now: float) -> Iterator[Entry]:
        """Takes out those that waited for too long: they are to be refused."""
        patience_s = BUSY_PATIENCE_S if self.busy else PATIENCE_S
        for queue in self.queues:
            while queue:
                key = next(iter(queue))
                entry, since = queue[key]
                if now - since <= patience_s:
                    break
                del queue[key]
                self._judge(now - since, now)
                self.refused(1, now)
                yield entry

    def next(self, now: float) -> Entry | None:
        """Takes out the one to be served next; None when nothing waits."""
        for queue in self.queues:
            if queue:
                entry, since = queue.popitem(last=False)[1]
                self._judge(now - since, now)
                self._turn_window(now)
                self._served += 1
                return entry
        return None

    def is_busy(self, now: float) -> bool:
        """``busy``, which ends here when it is over."""
        if self.busy and now - self._long_wait_at >= CALM_AFTER_S:
            self.busy = False
        return self.busy

    def _limit_at(self, now: float) -> int:
        return self._limit if self.is_busy(now) else MAX_WAITING

    def _judge(self, waited_s: float, now: float) -> None:
        if waited_s < STANDING_S:
            self._standing_since = None
            return
        self._long_wait_at = now
        if self._standing_since is None:
            self._standing_since = now
        elif now - self._standing_since >= BUSY_AFTER_S:
            self.busy = True

    def _turn_window(self, now: float) -> None:
        if now < self._window_end:
            return
        both = self._served + self._refused
        recent = now < self._window_end + WINDOW_S
        self._share = self._refused / both if both and recent else 0.0
        self._limit = max(MIN_WAITING, int(self._served * BUSY_PATIENCE_S / WINDOW_S))
        self._served = self._refused = 0
        self._window_end = now + WINDOW_S
