"""The thread that does the arithmetic of TLS handshakes, so that signalling goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Handshakes:
    """One thread, one step after the other: OpenSSL lets go of the interpreter while it signs and verifies."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, "tls")

    def submit(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Calls ``work``, which must not raise, in the thread; then ``done`` with its result in the loop."""

        def both() -> None:
            outcome = work()
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                self._loop.call_soon_threadsafe(done, outcome)

        self._thread.submit(both)

    def close(self) -> None:
        """Steps not yet begun are forgotten."""
        self._thread.shutdown(wait=False, cancel_futures=True)
