"""Both clocks a daemon reads, so that tests can turn them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    unix_s: Callable[[], float]
    monotonic_ns: Callable[[], int]  # the clock of the relay's packet times
