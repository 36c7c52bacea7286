"""When messages come faster than they are handled: which share of new requests is refused so that the rest is served in time.

The sign is a receive queue that stands, and loses datagrams, for a while. The share then grows step by step while that goes on,
and shrinks slowly by itself; so it settles near what is too much.
"""

from __future__ import annotations

FIRST_S = 0.5  # the queue must stand for so long before anything is refused: a burst is no overload
AGAIN_S = 0.1  # and for so long before the next step up
STEP = 0.1
SHRINK_PER_S = 0.2
MAX_SHARE = 0.95

# what would begin something new; all else belongs to what was let in
NEW_WORK = frozenset({"INVITE", "REGISTER", "SUBSCRIBE", "OPTIONS", "MESSAGE", "PUBLISH", "REFER"})


class Overload:
    """``share`` is 0 most of the time; only then ``refuses`` need not be asked."""

    __slots__ = ("_changed_at", "_due", "_raise_at", "share")

    def __init__(self) -> None:
        self.share = 0.0
        self._changed_at = 0.0
        self._raise_at = 0.0
        self._due = 0.0  # refusals owed, below 1

    @property
    def patience_s(self) -> float:
        """How long a queue must stand before ``stands`` is told."""
        return AGAIN_S if self.share else FIRST_S

    def stands(self, now: float) -> bool:
        """A queue stood for ``patience_s`` and lost datagrams; whether refusing begins now."""
        began = not self.share
        if now >= self._raise_at:
            self._shrink(now)
            self.share = min(self.share + STEP, MAX_SHARE)
            self._raise_at = now + AGAIN_S
        return began and self.share > 0

    def refuses(self, method: str, within_dialog: bool, now: float) -> bool:
        """Whether this new request is one of the share; every so many-th is, not a random one."""
        if method not in NEW_WORK or within_dialog:
            return False
        self._shrink(now)
        self._due += self.share
        if self._due < 1.0:
            return False
        self._due -= 1.0
        return True

    def _shrink(self, now: float) -> None:
        self.share = max(0.0, self.share - SHRINK_PER_S * max(0.0, now - self._changed_at))
        self._changed_at = now
