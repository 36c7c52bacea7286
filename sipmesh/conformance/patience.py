"""Time limits of a tester on a machine that may stall: only time in which it could have looked counts."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

STEP_S = 0.02  # a pause of the whole machine counts as one of these

T = TypeVar("T")


class Patience:
    """``left_s`` is what of a limit is left."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.left_s = limit_s

    @property
    def waited_s(self) -> float:
        return self._limit_s - self.left_s

    def read(self, sock: socket.socket, take: Callable[[], T]) -> T | None:
        """What ``take`` returns, which reads from ``sock`` or raises TimeoutError; None when all is waited."""
        usual_s = sock.gettimeout()
        try:
            while self.left_s > 0:
                step_s = min(STEP_S, self.left_s)
                sock.settimeout(step_s)
                before = time.monotonic()
                try:
                    return take()
                except TimeoutError:
                    pass
                finally:
                    self.left_s -= min(step_s, time.monotonic() - before)
            return None
        finally:
            sock.settimeout(usual_s)
