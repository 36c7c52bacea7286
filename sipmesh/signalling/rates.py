"""How often somebody may do something: rates by key, and pauses after failures.

What is remembered is bounded: a flood of new keys makes old ones forgotten, and never memory grow.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

MAX_KEYS = 50_000  # in each of two generations
MAX_PAUSE_S = 3600.0

Key = TypeVar("Key")
Value = TypeVar("Value")
Asked = TypeVar("Asked", contravariant=True)


class Numbers(Protocol[Asked]):
    """A number for each key, kept by ``Recent`` or, for several workers together, ``SharedRecent``.

    What is read between ``hold`` and ``release`` changes by nobody else.
    """

    def hold(self, key: Asked) -> None: ...

    def release(self, key: Asked) -> None: ...

    def get(self, key: Asked) -> float | None: ...

    def put(self, key: Asked, value: float) -> None: ...

    def drop(self, key: Asked) -> None: ...


class Recent(Generic[Key, Value]):
    """A dict that forgets what was not asked for long when it grows: two generations, the older one dropped when the newer is
    full."""

    __slots__ = ("_max_keys", "_new", "_old")

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._new: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def hold(self, key: Key) -> None:
        pass

    def release(self, key: Key) -> None:
        pass

    def get(self, key: Key) -> Value | None:
        value = self._new.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        if len(self._new) >= self._max_keys and key not in self._new:
            self._old, self._new = self._new, {}
        self._new[key] = value

    def drop(self, key: Key) -> None:
        self._new.pop(key, None)
        self._old.pop(key, None)


class Rates(Generic[Key]):
    """``per_s`` for each key, with a burst of one second's worth, at least ``min_burst``.

    The generic cell rate algorithm: of each key only the time is kept when it will have used up what it took.
    """

    __slots__ = ("_burst_s", "_cost_s", "_used_up")

    def __init__(self, per_s: float, min_burst: int = 5, *, used_up: Numbers[Key] | None = None) -> None:
        self._cost_s = 1.0 / per_s
        self._burst_s = max(per_s, float(min_burst)) / per_s
        self._used_up: Numbers[Key] = Recent[Key, float]() if used_up is None else used_up

    def take(self, key: Key, now: float) -> bool:
        """Whether ``key`` may once more."""
        self._used_up.hold(key)
        try:
            at = max(self._used_up.get(key) or now, now) + self._cost_s
            if at - now > self._burst_s + 1e-9:
                return False
            self._used_up.put(key, at)
            return True
        finally:
            self._used_up.release(key)


class Backoff(Generic[Key]):
    """After ``failures`` in a row a key has to pause, twice as long after each further one."""

    __slots__ = ("_counts", "_ends", "_failures", "_pause_s")

    def __init__(
        self, failures: int, pause_s: float, *, counts: Numbers[Key] | None = None, ends: Numbers[Key] | None = None
    ) -> None:
        self._failures = failures
        self._pause_s = pause_s
        self._counts: Numbers[Key] = Recent[Key, float]() if counts is None else counts  # failures in a row
        self._ends: Numbers[Key] = Recent[Key, float]() if ends is None else ends  # of pauses

    def pause_left_s(self, key: Key, now: float) -> float:
        """0 when ``key`` may try."""
        return max(0.0, (self._ends.get(key) or 0.0) - now)

    def failed(self, key: Key, now: float) -> bool:
        """Whether a pause begins."""
        self._counts.hold(key)
        try:
            count = (self._counts.get(key) or 0.0) + 1
            self._counts.put(key, count)
        finally:
            self._counts.release(key)
        over = min(count - self._failures, 20)
        if over >= 0:
            self._ends.put(key, now + min(self._pause_s * 2.0**over, MAX_PAUSE_S))
        return over >= 0

    def succeeded(self, key: Key) -> None:
        self._counts.drop(key)
        self._ends.drop(key)
