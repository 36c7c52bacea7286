"""Whether the machine stood still meanwhile: a thread that does nothing but wake up, and how late it was.

On a host that others load, processes get no processor for seconds at a time. What took too long then says nothing about who is
tested; what failed while the machine ran does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERVAL_S = 0.02
STALL_S = 0.25  # so late, and it was a stall
ATTEMPTS = 30


class Stalls(list[tuple[float, float]]):
    """When each ended (Unix time), and its length in seconds, in the order they came."""

    @property
    def longest_s(self) -> float:
        return max((length_s for _, length_s in self), default=0.0)

    def reach(self, time_s: float, within_s: float, least_s: float) -> bool:
        """Whether one of ``least_s`` ended within so long a time before ``time_s``, or goes on then."""
        return any(length_s >= least_s and end_s - length_s <= time_s <= end_s + within_s for end_s, length_s in self)


@contextmanager
def watched(least_s: float = STALL_S) -> Iterator[Stalls]:
    """Those of the time until it is left."""
    stalls, over = Stalls(), threading.Event()

    def watch() -> None:
        ended = False
        while not ended:
            due = time.monotonic() + INTERVAL_S
            ended = over.wait(INTERVAL_S)
            late_s = time.monotonic() - due
            if late_s >= least_s:
                stalls.append((time.time(), late_s))

    thread = threading.Thread(target=watch, name="stalls", daemon=True)
    thread.start()
    try:
        yield stalls
    finally:
        over.set()
        thread.join()


def undisturbed(attempt: Callable[[], None], least_s: float = STALL_S) -> None:
    """Makes it until it passes, or fails by an AssertionError though the machine ran all the time: for what hangs on times."""
    for left in reversed(range(ATTEMPTS)):
        with watched(least_s) as stalls:
            try:
                return attempt()
            except AssertionError as error:
                failure = error
        if not (left and stalls):
            raise failure
    return None
