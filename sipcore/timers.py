"""The core's only clock and its timers.

One deque per timer length: timers of equal length expire in the order they were started, so starting, cancelling and
expiring are O(1), and a retransmission costs no heap operation. Meant for few lengths (the timers of RFC 3261 and the
configured limits); many different lengths work too, but each costs a look per ``advance``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec

MAX_IDLE_QUEUES = 64  # empty queues kept for the next timer of their length
MIN_COMPACT = 256  # cancelled timers a queue may keep before it is looked at

_by_deadline = attrgetter("deadline")


class Timer(msgspec.Struct, eq=False, gc=False):
    """One running timer; made by ``Timers.after``.

    The garbage collector need not look at it (``gc=False``): firing and cancelling cut what could be a cycle.
    """

    deadline: float
    callback: Callable[[Any], None] | None
    argument: Any
    queue: _Queue

    def cancel(self) -> None:
        """Never fires from now on; harmless after it fired or when cancelled before."""
        if self.callback is None:
            return
        self.callback = self.argument = None
        queue = self.queue
        queue.cancelled += 1
        if queue.cancelled > MIN_COMPACT and queue.cancelled * 2 > len(queue):
            queue.compact()


class _Queue(deque[Timer]):
    """The timers of one length, soonest first; cancelled ones stay until they reach the front or outnumber the others."""

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = 0

    def compact(self) -> None:
        alive = [timer for timer in self if timer.callback is not None]
        self.clear()
        self.extend(alive)
        self.cancelled = 0

    def drop_cancelled_head(self) -> None:
        while self and self[0].callback is None:
            self.popleft()
            self.cancelled -= 1


class Timers:
    """``now`` (monotonic, s) and ``wall`` (Unix time, s) are moved by the shell only.

    ``on_error`` is called, inside the except block, when a callback raises; without it the exception leaves ``advance``.
    """

    __slots__ = ("_on_error", "_queues", "now", "wall")

    def __init__(self, now: float, wall: float, on_error: Callable[[], None] | None = None) -> None:
        self.now = now
        self.wall = wall
        self._on_error = on_error
        self._queues: dict[float, _Queue] = {}

    def after(self, delay_s: float, callback: Callable[[Any], None], argument: Any) -> Timer:
        """Calls ``callback(argument)`` in the first ``advance`` that reaches now + ``delay_s``."""
        queue = self._queues.get(delay_s)
        if queue is None:
            queue = self._add_queue(delay_s)
        timer = Timer(self.now + delay_s, callback, argument, queue)
        queue.append(timer)
        return timer

    def advance(self, now: float, wall: float) -> None:
        """Moves the clock and fires what is due, in order of deadline. Timers started meanwhile wait for the next call."""
        self.now = now
        self.wall = wall
        due: list[Timer] = []
        queues_due = 0
        for queue in self._queues.values():
            if queue and queue[0].deadline <= now:
                queues_due += 1
                while queue and queue[0].deadline <= now:
                    due.append(queue.popleft())
        if queues_due > 1:
            due.sort(key=_by_deadline)
        for timer in due:
            callback, argument = timer.callback, timer.argument
            if callback is None:
                timer.queue.cancelled -= 1
                continue
            timer.callback = timer.argument = None
            try:
                callback(argument)
            except Exception:
                if self._on_error is None:
                    raise
                self._on_error()

    def next_deadline(self) -> float | None:
        """When ``advance`` has something to do next; None when no timer runs."""
        soonest: float | None = None
        for queue in self._queues.values():
            queue.drop_cancelled_head()
            if queue and (soonest is None or queue[0].deadline < soonest):
                soonest = queue[0].deadline
        return soonest

    @property
    def lengths(self) -> int:
        """How many different lengths are kept in mind."""
        return len(self._queues)

    def _add_queue(self, delay_s: float) -> _Queue:
        if len(self._queues) >= MAX_IDLE_QUEUES:
            self._queues = {length: queue for length, queue in self._queues.items() if queue}
        queue = self._queues[delay_s] = _Queue()
        return queue
