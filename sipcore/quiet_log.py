"""Log lines about what strangers can cause at will: at most one in a while of each kind, with the number of those left out."""

from __future__ import annotations

import logging

INTERVAL_S = 5.0


class QuietLog:
    """``kinds`` are the caller's own, few and fixed."""

    __slots__ = ("_left_out", "_log", "_next_at")

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._next_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str, now: float, source: str) -> None:
        """``kind`` begins the line; ``source``: the address it is about, and what more there is to say."""
        if now < self._next_at.get(kind, now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._next_at[kind] = now + INTERVAL_S
        left_out = self._left_out.pop(kind, 0)
        self._log.warning("%s: %s%s", kind, source, f" ({left_out} more since the last line)" if left_out else "")
