"""How often somebody may do something: rates by key, and pauses after failures.

What is remembered is bounded: a flood of new keys makes old ones forgotten, and never memory grow.
"""

from __future__ import annotations

from typing import Generic, TypeVar

MAX_KEYS = 50_000  # in each of two generations
MAX_PAUSE_S = 3600.0

Key = TypeVar("Key")
Value = TypeVar("Value")


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

    def __init__(self, per_s: float, min_burst: int = 5, max_keys: int = MAX_KEYS) -> None:
        self._cost_s = 1.0 / per_s
        self._burst_s = max(per_s, float(min_burst)) / per_s
        self._used_up: Recent[Key, float] = Recent(max_keys)

    def take(self, key: Key, now: float) -> bool:
        """Whether ``key`` may once more."""
        at = max(self._used_up.get(key) or now, now) + self._cost_s
        if at - now > self._burst_s + 1e-9:
            return False
        self._used_up.put(key, at)
        return True


class Backoff(Generic[Key]):
    """After ``failures`` in a row a key has to pause, twice as long after each further one."""

    __slots__ = ("_failures", "_known", "_pause_s")

    def __init__(self, failures: int, pause_s: float, max_keys: int = MAX_KEYS) -> None:
        self._failures = failures
        self._pause_s = pause_s
        self._known: Recent[Key, tuple[int, float]] = Recent(max_keys)  # failures in a row, pause ends at

    def pause_left_s(self, key: Key, now: float) -> float:
        """0 when ``key`` may try."""
        known = self._known.get(key)
        return 0.0 if known is None else max(0.0, known[1] - now)

    def failed(self, key: Key, now: float) -> bool:
        """Whether a pause begins."""
        count = (self._known.get(key) or (0, 0.0))[0] + 1
        over = min(count - self._failures, 20)
        self._known.put(key, (count, now + min(self._pause_s * 2.0**over, MAX_PAUSE_S) if over >= 0 else 0.0))
        return over >= 0

    def succeeded(self, key: Key) -> None:
        self._known.drop(key)
