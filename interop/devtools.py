"""Chromium's DevTools protocol over a pipe: JSON, each message ended by a zero byte (``--remote-debugging-pipe``)."""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path
from typing import Any

from interop.process import Process

PIECE = 1 << 16


class DevToolsError(RuntimeError):
    """The browser's own words."""


class DevTools:
    """A browser and the way to it. One caller at a time."""

    def __init__(self, command: list[str], log: Path) -> None:
        commands, self._writer = os.pipe()
        self._reader, replies = os.pipe()
        # it reads descriptor 3 and writes 4, which are to be made from whatever numbers ours have
        shell = ["bash", "-c", f'exec 13<&{commands} 14>&{replies}; exec "$@" 3<&13 4>&14', "-", *command]
        self.process = Process(shell, log, pass_fds=(commands, replies))
        os.close(commands)
        os.close(replies)
        self._number = 0
        self._read = b""

    def ask(self, method: str, session: str = "", timeout_s: float = 60.0, **parameters: Any) -> dict[str, Any]:
        """The result; raises DevToolsError for a refusal, TimeoutError. Events are passed over."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout_s
        while (reply := self._next(end)).get("id") != self._number:
            pass
        if "error" in reply:
            raise DevToolsError(f"{method}: {reply['error']}")
        result: dict[str, Any] = reply["result"]
        return result

    def close(self) -> None:
        self.process.stop()
        os.close(self._writer)
        os.close(self._reader)

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"no answer of the browser\n{self.process.tail()}")
            piece = os.read(self._reader, PIECE)
            if not piece:
                raise DevToolsError(f"the browser ended\n{self.process.tail()}")
            self._read += piece
        message, _, self._read = self._read.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        return read
