"""Structured logs: one line an event, as logfmt or JSON, on standard error, which a worker shares with the supervisor.

Put what the event is about in ``extra``: ``log.warning("no answer", extra={"call_id": call_id, "trunk": name})``. An event that
repeats is written a few times a minute and then counted. What is secret never goes into ``extra``.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

LogFormat = Literal["text", "json"]

PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
CALL_LOG = "sipmesh.call"  # the logger of what is written once a call, however many there are
NEEDS_QUOTES = re.compile('[ "=]')
SECRET_FIELDS = frozenset({"password", "secret", "token", "ha1", "authorization"})


def configure_logging(worker: str, log_format: LogFormat = "text", level: int = logging.INFO) -> None:
    """Replaces the handlers of the root logger. ``worker``: the process, in each line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(worker, log_format))
    handler.addFilter(RepeatFilter())
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # not in our lines
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


class LineFormatter(logging.Formatter):
    def __init__(self, worker: str, log_format: LogFormat) -> None:
        super().__init__()
        self._worker = worker
        self._json = log_format == "json"

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "worker": self._worker,
            "event": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in PLAIN_FIELDS:
                fields[name] = "***" if name.lower() in SECRET_FIELDS else value
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        if self._json:
            return json.dumps(fields, default=str)
        return " ".join(f"{name}={quoted(value)}" for name, value in fields.items())


def quoted(value: Any) -> str:
    """``value`` as logfmt writes it: in quotes when it has blanks, quotes, '=' or control characters; always on one line."""
    text = str(value)
    if text and text.isprintable() and not NEEDS_QUOTES.search(text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


class RepeatFilter(logging.Filter):
    """Lets the same event (same place in the code) pass ``burst`` times a window, then says how many it held back."""

    def __init__(self, burst: int = 20, window_s: float = 60.0, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._burst = burst
        self._window_s = window_s
        self._now = now
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == CALL_LOG:
            return True
        place = (record.pathname, record.lineno)
        now = self._now()
        since, count = self._seen.get(place, (now, 0))
        if now - since >= self._window_s:
            if count > self._burst:
                record.held_back = count - self._burst
            since, count = now, 0
        self._seen[place] = (since, count + 1)
        return count < self._burst
