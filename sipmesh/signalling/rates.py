"""How often somebody may do something: rates by key, and pauses after failures.

What is remembered is bounded: a flood of new keys makes old ones forgotten, and never memory grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

from native.sip import BackoffBase, RatesBase, RecentBase

MAX_KEYS = 50_000  # in each of two generations
MAX_PAUSE_S = 3600.0

Key = TypeVar("Key")
Value = TypeVar("Value")
Asked = TypeVar("Asked", contravariant=True)


class Numbers(Protocol[Asked]):
    """A number for each key, kept by ``Recent`` or, for several workers together, ``SharedRecent``.

    What is read between ``hold`` and ``release`` changes by nobody else.
    """

    def hold(self, key: Asked, /) -> None: ...

    def release(self, key: Asked, /) -> None: ...

    def get(self, key: Asked, /) -> float | None: ...

    def put(self, key: Asked, value: float, /) -> None: ...

    def drop(self, key: Asked, /) -> None: ...


class Recent(RecentBase, Generic[Key, Value]):
    """A dict that forgets what was not asked for long when it grows: two generations, the older one dropped when the newer is
    full."""

    __slots__ = ()

    get: Callable[[Key], Value | None]

    def __new__(cls, max_keys: int = MAX_KEYS) -> Self:
        return super().__new__(cls, max_keys)

    def hold(self, key: Key, /) -> None:
        pass

    def release(self, key: Key, /) -> None:
        pass


class Rates(RatesBase, Generic[Key]):
    """``per_s`` for each key, with a burst of one second's worth, at least ``min_burst``: ``take`` says whether it may once
    more.

    The generic cell rate algorithm: of each key only the time is kept when it will have used up what it took.
    """

    __slots__ = ()

    def __new__(cls, per_s: float, min_burst: int = 5, *, used_up: Numbers[Key] | None = None) -> Self:
        numbers: Numbers[Key] = Recent[Key, float]() if used_up is None else used_up
        return super().__new__(cls, 1.0 / per_s, max(per_s, float(min_burst)) / per_s, numbers)


class Backoff(BackoffBase, Generic[Key]):
    """After ``failures`` in a row a key has to pause, twice as long after each further one; ``pause_left_s`` says how long
    still, and ``succeeded`` forgives."""

    __slots__ = ("_failures", "_pause_s")

    _failures: int
    _pause_s: float
    counts: Numbers[Key]
    ends: Numbers[Key]

    def __new__(
        cls, failures: int, pause_s: float, *, counts: Numbers[Key] | None = None, ends: Numbers[Key] | None = None
    ) -> Self:
        in_a_row: Numbers[Key] = Recent[Key, float]() if counts is None else counts
        of_pauses: Numbers[Key] = Recent[Key, float]() if ends is None else ends
        self = super().__new__(cls, in_a_row, of_pauses)
        self._failures = failures
        self._pause_s = pause_s
        return self

    def failed(self, key: Key, now: float) -> bool:
        """Whether a pause begins."""
        self.counts.hold(key)
        try:
            count = (self.counts.get(key) or 0.0) + 1
            self.counts.put(key, count)
        finally:
            self.counts.release(key)
        over = min(count - self._failures, 20)
        if over >= 0:
            self.ends.put(key, now + min(self._pause_s * 2.0**over, MAX_PAUSE_S))
        return over >= 0
