"""From the outbox into the file: the agent's part in CDRs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from sipmesh.cdr import fields_of, identity, line_of
from sipmesh.cdr_file import CdrFile
from sipmesh.config import CdrFiles
from sipmesh.store import StoreError

if TYPE_CHECKING:
    from sipcore.ports import Counters
    from sipmesh.store.live import CdrOutbox

POLL_S = 0.25
MAX_BATCH = 500  # CDRs of one append
RETRY_S = 5.0  # after the disk or the store refused

log = logging.getLogger(__name__)


class CdrWriter:
    """Only one at a time for a file. ``node``: its name."""

    def __init__(self, outbox: CdrOutbox, settings: CdrFiles, node: str, counters: Counters) -> None:
        self._outbox = outbox
        self._settings = settings
        self._node = node
        self._counters = counters
        self._file = CdrFile(settings)
        self._reopen = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``, and then until the outbox is empty."""
        recovered = last = False
        while True:
            wait_s = POLL_S
            try:
                if not recovered:
                    self.recover()
                    recovered = True
                while await self.write_batch():
                    pass
            except (OSError, StoreError) as error:
                self._counters["cdr_write_errors_total"] += 1
                log.error("CDRs can't be written; they wait", extra={"file": self._settings.file, "reason": str(error)})
                wait_s = RETRY_S
            if last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)
            last = stopping.is_set()

    async def write_batch(self) -> int:
        """How many CDRs went into the file. The disk is waited for in a thread, so that the console is not."""
        batch = self._outbox.waiting(MAX_BATCH)
        if not batch:
            return 0
        if self._reopen:
            self._reopen = False
            self._file.close()
        place = self._file.prepare(time.time())
        if place != self._outbox.place():
            self._outbox.settle([], place)
        lines = [line_of(fields_of(cdr, self._node), self._settings.format) for _, cdr in batch if cdr is not None]
        if lines:
            place = await asyncio.to_thread(self._file.append, lines)
        self._outbox.settle([key for key, _ in batch], place)
        self._counters["cdr_written_total"] += len(lines)
        if len(lines) < len(batch):
            self._counters["cdr_unreadable_total"] += len(batch) - len(lines)
            log.error("%d CDRs can't be read and are forgotten", len(batch) - len(lines))
        return len(batch)

    def recover(self) -> None:
        """Takes out of the outbox what a process before this one had written when it died."""
        place = self._outbox.place()
        batch = self._outbox.waiting(self._outbox.count())
        if place is None or not batch:
            return
        written = self._file.written_since(place)
        if written is None:
            log.warning("the CDR file last written is gone; up to %d CDRs may be in it and in the next", len(batch))
            return
        done = [key for key, cdr in batch if cdr is not None and identity(fields_of(cdr, self._node)) in written]
        if done:
            self._counters["cdr_recovered_total"] += len(done)
            self._outbox.settle(done, place)

    def reopen(self) -> None:
        """Somebody moved the file away (logrotate)."""
        self._reopen = True
