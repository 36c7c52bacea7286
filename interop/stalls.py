"""Whether the machine stood still meanwhile: a thread that does nothing but wake up, and how late it was.

On a host that others load, processes get no processor for seconds at a time. What took too long then says nothing about who is
tested; what failed while the machine ran does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

INTERVAL_S = 0.02
STALL_S = 0.25  # so late, and it was a stall
ATTEMPTS = 30

T = TypeVar("T")


class Stalls(list[tuple[float, float]]):
    """When each ended (Unix time), and its length in seconds, in the order they came."""

    def note(self, now_s: float, late_s: float) -> None:
        """The thread is ``late_s`` late at ``now_s``."""
        if late_s >= STALL_S:
            self.append((now_s, late_s))

    def before(self, time_s: float, within_s: float) -> bool:
        """Whether one ended within so long a time before ``time_s``, or goes on then."""
        return any(end_s - length_s <= time_s <= end_s + within_s for end_s, length_s in self)


@contextmanager
def watched() -> Iterator[Stalls]:
    """Those of the time until it is left."""
    stalls, over = Stalls(), threading.Event()

    def watch() -> None:
        due = time.monotonic()
        while True:
            ended = over.wait(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            stalls.note(time.time(), now - due)
            if ended:
                return
            due = now + INTERVAL_S

    thread = threading.Thread(target=watch, name="stalls", daemon=True)
    thread.start()
    try:
        yield stalls
    finally:
        over.set()
        thread.join()


def undisturbed(attempt: Callable[[], T], passes: Callable[[T], bool]) -> T:
    """What ``attempt`` returns when it passes, or fails though the machine ran: after a failure in a stall it is made again."""
    for _ in range(ATTEMPTS):
        with watched() as stalls:
            result = attempt()
        if passes(result) or not stalls:
            break
    return result
