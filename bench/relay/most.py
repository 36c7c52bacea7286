"""The most calls a relay carries in time."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass

from bench.relay.windows import Seen

MAX_P99_US = 1000.0
MAX_LOSS = 0.001
FIRST, STEP, RESOLUTION = 250, 250, 50
SOCKETS_A_CALL, PORTS, SPARE = 4, 20000, 1000  # of a relay; the ports of one address, some descriptors for itself
TRIES = 2  # another one's load on the machine looks like ours at its limit


@dataclass(frozen=True, slots=True)
class Most:
    calls: int  # 0: not even RESOLUTION
    at_least: bool  # the load could not be made for more, or not in peace, so the relay may carry more


def most_possible() -> int:
    """More calls have no place in a relay's ports, nor in the descriptors it may have."""
    _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = PORTS if descriptors == resource.RLIM_INFINITY else min(PORTS, descriptors)
    return (room - SPARE) // SOCKETS_A_CALL


def _in_time(seen: Seen) -> bool:
    return seen.loss <= MAX_LOSS and seen.latency_us(0.99) <= MAX_P99_US


def most_calls(run: Callable[[int], Seen], last: int) -> Most:
    """Up in steps to ``last``, until ``run`` of that many calls is not in time; then between the last two by halves."""
    at_least = False

    def carries(calls: int) -> bool:
        nonlocal at_least
        runs = []
        for _ in range(TRIES):
            runs.append(run(calls))
            if _in_time(runs[-1]):
                return True
        at_least = all(seen.uneven or seen.disturbed for seen in runs)
        return False

    low, high = 0, FIRST
    while high <= last and carries(high):
        low, high = high, high + STEP
    at_least = at_least or high > last
    while not at_least and high - low > RESOLUTION:
        middle = (low + high) // 2 // RESOLUTION * RESOLUTION
        low, high = (middle, high) if carries(middle) else (low, middle)
    return Most(low, at_least)
