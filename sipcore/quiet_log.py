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
        if self._is_due(kind, now):
            self._log.warning("%s: %s%s", kind, source, self._more(kind))

    def exception(self, kind: str, now: float) -> None:
        """In an except block; with its traceback."""
        if self._is_due(kind, now):
            self._log.exception("%s%s", kind, self._more(kind))

    def _is_due(self, kind: str, now: float) -> bool:
        if now < self._next_at.get(kind, now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        self._next_at[kind] = now + INTERVAL_S
        return True

    def _more(self, kind: str) -> str:
        left_out = self._left_out.pop(kind, 0)
        return f" ({left_out} more since the last line)" if left_out else ""
