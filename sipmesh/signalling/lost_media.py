"""Calls whose media the daemon does not have: it was started anew, or the worker before this one died between the end of their
media and their own. Nobody would ever tell that they are silent."""

from __future__ import annotations

from collections import deque
from functools import partial

from media.errors import UNKNOWN_CALL
from sipcore.timers import Timers
from sipmesh.signalling.call_ender import NO_MEDIA, CallEnder
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.media_client import Body
from sipmesh.signalling.media_glue import MediaGlue, Tags

GRACE_S = 60.0  # as long as silence may last; a re-INVITE meanwhile gives a call new media
AT_ONCE = 100  # of all calls so many are asked for each
INTERVAL_S = 0.1


class LostMedia:
    """Looks after each opening of the link to the daemon."""

    def __init__(self, calls: Calls, ender: CallEnder, glue: MediaGlue, timers: Timers) -> None:
        self._calls = calls
        self._ender = ender
        self._glue = glue
        self._timers = timers
        self._opened = 0
        self._waiting: deque[str] = deque()

    def link_opened(self) -> None:
        self._opened += 1
        self._timers.after(GRACE_S, self._look, self._opened)

    def _look(self, opened: int) -> None:
        """Unless the link broke in between."""
        if opened != self._opened:
            return
        idle = not self._waiting
        self._waiting = deque(self._calls.relayed_keys())
        if idle:
            self._ask(None)

    def _ask(self, _: None) -> None:
        for _number in range(min(AT_ONCE, len(self._waiting))):
            key = self._waiting.popleft()
            record = self._calls.get(key)
            if record is not None:
                self._glue.query(Tags(record.call_id, record.from_tag, record.to_tag), partial(self._told, key))
        if self._waiting:
            self._timers.after(INTERVAL_S, self._ask, None)

    def _told(self, key: str, reply: Body | None) -> None:
        record = self._calls.get(key)
        lost = reply is not None and reply.get("error-reason") == UNKNOWN_CALL
        if lost and record is not None and record.state == "answered" and not record.bye_at:
            self._ender.end(key, "media-lost", NO_MEDIA, has_media=False)
