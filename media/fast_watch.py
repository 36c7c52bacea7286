"""Keeps the streams of a relay on its fast path (docs/relay.md): looks each second, and when the machine's routes change."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from native.relay import FastStatus, Relay

PAUSE_S: Final = 0.005  # between two slices of one look: what else the loop has to do comes first
CHANGES_S: Final = 0.1  # of a machine whose routes change all the time, between two looks
TOLD_S: Final = 60  # between two lines in the log

log = logging.getLogger(__name__)


class FastWatch:
    """``status``: as of the last look that was begun."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._loop: asyncio.AbstractEventLoop | None = None
        self._going_on: asyncio.TimerHandle | None = None
        self._listening: asyncio.TimerHandle | None = None
        self._looks = 0
        self._told = FastStatus(0, 0, 0, 0, 0, 0, 0)
        self.status = self._told

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Goes on with looks that are not finished, and begins one when routes change, until ``stop``."""
        if self._relay.fast_changes_fd >= 0:
            self._loop = loop
            self._listen()

    def stop(self) -> None:
        if self._loop is None:
            return
        self._loop.remove_reader(self._relay.fast_changes_fd)
        for timer in (self._going_on, self._listening):
            if timer is not None:
                timer.cancel()
        self._loop = None

    def look(self) -> None:
        """Each second."""
        if self._relay.fast_changes_fd < 0:
            return
        self._scan(begin=True)
        self.status = self._relay.fast
        self._looks += 1
        if self._looks % TOLD_S == 0 and self.status != self._told:
            self._tell()

    def _scan(self, *, begin: bool) -> None:
        more = self._relay.scan_fast(begin)
        if more and self._going_on is None and self._loop is not None:
            self._going_on = self._loop.call_later(PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._going_on = None
        self._scan(begin=False)

    def _listen(self) -> None:
        assert self._loop is not None
        self._listening = None
        self._loop.add_reader(self._relay.fast_changes_fd, self._changed)

    def _changed(self) -> None:
        assert self._loop is not None
        self._loop.remove_reader(self._relay.fast_changes_fd)
        self._listening = self._loop.call_later(CHANGES_S, self._listen)
        self._scan(begin=False)

    def _tell(self) -> None:
        self._told = self.status
        on, *refused = zip(self.status._fields, self.status, strict=True)
        others = ", ".join(f"{count} {reason}" for reason, count in refused if count) or "none"
        log.info("streams on the fast path: %d, others: %s", on[1], others)
